// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "boot/layout.h"
#include "memory/guest_address.h"
#include "memory/guest_memory.h"

namespace faasnap::boot {

// What the ACPI tables tell the guest about the machine.
struct AcpiConfig {
  struct Mmio {
    memory::GuestAddress base;
    std::uint64_t size = kVirtioMmioSize;
    std::uint32_t gsi = 0;
  };

  unsigned vcpus = 1;
  // The virtio-mmio devices, in the order in which the guest finds them.
  std::vector<Mmio> virtio;
  std::uint16_t serial_port = kSerialPort;
  std::uint32_t serial_gsi = kSerialGsi;
  // Address of the 16 bytes of the generation id, which the caller fills.
  memory::GuestAddress vmgenid = kVmGenId;
  std::uint32_t ged_gsi = kGedGsi;
  std::uint16_t sleep_control_port = kSleepControlPort;
  std::uint16_t sleep_status_port = kSleepStatusPort;
  std::uint16_t reset_port = kResetPort;
  std::uint16_t panic_port = kPanicPort;
};

// Writes RSDP, XSDT, FADT (hardware-reduced ACPI), MADT and DSDT (ACPI 6.4) from kAcpiStart on, and
// returns the address of the RSDP. An edge on ged_gsi tells the guest that the generation id has
// changed. Throws ErrorKind::invalid_argument if the tables do not fit.
memory::GuestAddress write_acpi_tables(const memory::GuestMemory& memory, const AcpiConfig& config);

}  // namespace faasnap::boot
