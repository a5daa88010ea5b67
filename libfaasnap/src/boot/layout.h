// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include <faasnap/units.h>

#include "memory/guest_address.h"

namespace faasnap::boot {

// Where things lie in guest physical memory when the kernel starts, and where the devices are.
//
//   0x00000500  GDT
//   0x00007000  zero page (struct boot_params)
//   0x00009000  page tables: PML4, PDPT, four page directories
//   0x00010000  boot stack, downwards
//   0x00020000  kernel command line
//   0x0009fc00  end of conventional memory
//   0x000e0000  RSDP, then the other ACPI tables
//   0x000ff000  VMGenID, a page of its own
//   0x00100000  kernel (or at its preferred address), initramfs at the end of low memory
//   0xc0000000  hole for devices, to 4 GiB: see the constants
//   0x100000000 the rest of memory

inline constexpr memory::GuestAddress kGdt{0x500};
inline constexpr memory::GuestAddress kZeroPage{0x7000};
inline constexpr memory::GuestAddress kPageTables{0x9000};
inline constexpr memory::GuestAddress kBootStack{0x10000};
inline constexpr memory::GuestAddress kCommandLine{0x20000};
inline constexpr memory::GuestAddress kConventionalEnd{0x9fc00};
inline constexpr memory::GuestAddress kAcpiStart{0xe0000};
inline constexpr memory::GuestAddress kVmGenId{0xff000};
inline constexpr memory::GuestAddress kHighMemory{0x100000};

// Maximum length of the kernel command line, without the terminating zero. VmOptions promises it,
// and every x86 kernel accepts it (COMMAND_LINE_SIZE is 2048).
inline constexpr std::uint64_t kCommandLineLimit = 2047;

// virtio-mmio device i: registers at kVirtioMmio + i * kVirtioMmioSize, interrupt kVirtioGsi + i.
inline constexpr memory::GuestAddress kVirtioMmio{0xd0000000};
inline constexpr std::uint64_t kVirtioMmioSize = 0x1000;
inline constexpr std::uint32_t kVirtioGsi = 5;
inline constexpr std::uint32_t kMaximumVirtioDevices = 8;

// The interrupt of the generic event device: edge-triggered; it means "the generation id changed".
inline constexpr std::uint32_t kGedGsi = 13;

inline constexpr std::uint16_t kSerialPort = 0x3f8;
inline constexpr std::uint16_t kSerialPortCount = 8;
inline constexpr std::uint32_t kSerialGsi = 4;

// Power control registers, one byte each, in I/O port space (ACPI 6.4, sections 4.8.3.7 and
// 4.8.5.1). The guest powers off by writing SLP_EN (bit 5) and SLP_TYP kSleepTypeS5 (bits 2 to 4)
// to the sleep control register. The sleep status register reads zero; writes clear its bits. The
// guest resets by writing kResetValue to the reset register.
inline constexpr std::uint16_t kSleepControlPort = 0x600;
inline constexpr std::uint16_t kSleepStatusPort = 0x601;
inline constexpr std::uint16_t kResetPort = 0x602;
// The guest's kernel writes 1 to the panic register when it panics (the pvpanic driver of Linux).
inline constexpr std::uint16_t kPanicPort = 0x603;
inline constexpr std::uint8_t kResetValue = 1;
inline constexpr std::uint8_t kSleepTypeS5 = 5;

// True if `sleep_control`, written to the sleep control register, asks for power-off.
constexpr bool is_power_off(std::uint8_t sleep_control) {
  return (sleep_control & 0x20) != 0 && ((sleep_control >> 2) & 7) == kSleepTypeS5;
}

}  // namespace faasnap::boot
