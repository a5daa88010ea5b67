// SPDX-License-Identifier: Apache-2.0

#include "boot/initial_state.h"

#include <array>
#include <cstddef>
#include <span>

#include "boot/layout.h"

namespace faasnap::boot {
namespace {

// Selectors of the boot protocol (__BOOT_CS, __BOOT_DS), and one for the task register.
constexpr std::uint16_t kCodeSelector = 0x10;
constexpr std::uint16_t kDataSelector = 0x18;
constexpr std::uint16_t kTaskSelector = 0x20;

constexpr std::array<std::uint64_t, 6> kGdtEntries = {
    0,
    0,
    0x00af9b000000ffff,  // code, 64 bits
    0x00cf93000000ffff,  // data
    0x00008b0000000067,  // busy task-state segment at 0,
    0,                   // and the upper half of its base
};

constexpr std::uint64_t kCr0 = 0x80000011;  // PG, ET, PE
constexpr std::uint64_t kCr4 = 0x20;        // PAE
constexpr std::uint64_t kEfer = 0x500;      // LMA, LME

constexpr std::uint64_t kTableEntry = 0x3;       // present, writable
constexpr std::uint64_t kLargePageEntry = 0x83;  // the same, 2 MiB
constexpr std::uint64_t kLargePage = 2ULL << 20;
constexpr std::size_t kEntries = 512;
constexpr std::size_t kDirectories = 4;  // 1 GiB each

using PageTable = std::array<std::uint64_t, kEntries>;

void write_page_tables(const memory::GuestMemory& memory) {
  const std::uint64_t root = kPageTables.value;
  const std::uint64_t pointers = root + kPageSize;
  const std::uint64_t directories = pointers + kPageSize;

  PageTable table{};
  table[0] = pointers | kTableEntry;
  memory.write_value(memory::GuestAddress{root}, table);
  for (std::size_t i = 0; i < kDirectories; ++i) {
    table[i] = (directories + i * kPageSize) | kTableEntry;
  }
  memory.write_value(memory::GuestAddress{pointers}, table);
  std::uint64_t page = 0;
  for (std::size_t i = 0; i < kDirectories; ++i) {
    for (std::uint64_t& entry : table) {
      entry = page | kLargePageEntry;
      page += kLargePage;
    }
    memory.write_value(memory::GuestAddress{directories + i * kPageSize}, table);
  }
}

}  // namespace

memory::BootRegisters write_initial_state(const memory::GuestMemory& memory,
                                          memory::GuestAddress entry) {
  memory.write_value(kGdt, kGdtEntries);
  write_page_tables(memory);

  memory::BootRegisters state;
  state.rip = entry.value;
  state.rsp = kBootStack.value;
  state.rsi = kZeroPage.value;
  state.cr0 = kCr0;
  state.cr3 = kPageTables.value;
  state.cr4 = kCr4;
  state.efer = kEfer;
  state.gdt_base = kGdt.value;
  state.gdt_limit = sizeof(kGdtEntries) - 1;
  const auto segment = [](std::uint16_t selector) {
    return memory::BootSegment{selector, kGdtEntries[selector / sizeof(std::uint64_t)]};
  };
  state.code = segment(kCodeSelector);
  state.data = segment(kDataSelector);
  state.task = segment(kTaskSelector);
  return state;
}

}  // namespace faasnap::boot
