// SPDX-License-Identifier: Apache-2.0

#include "boot/initial_state.h"

#include <catch2/catch_test_macros.hpp>

#include "boot/layout.h"

namespace faasnap::boot {
namespace {

// Translates `address` by the page tables, which map large pages only.
std::uint64_t translate(const memory::GuestMemory& memory, std::uint64_t root,
                        std::uint64_t address) {
  const auto entry = [&](std::uint64_t table, unsigned shift) {
    const std::uint64_t index = (address >> shift) & 511;
    const auto value = memory.read_value<std::uint64_t>(memory::GuestAddress{table + 8 * index});
    REQUIRE(value);
    REQUIRE((*value & 1) == 1);
    return *value;
  };
  const std::uint64_t pointers = entry(root, 39) & ~0xfffULL;
  const std::uint64_t directory = entry(pointers, 30) & ~0xfffULL;
  const std::uint64_t page = entry(directory, 21);
  REQUIRE((page & 0x80) == 0x80);
  return (page & ~0x1fffffULL) + (address & 0x1fffff);
}

TEST_CASE("the first 4 GiB are mapped one to one") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  const memory::BootRegisters state = write_initial_state(memory, memory::GuestAddress{0x1000200});
  for (const std::uint64_t address : {0x0ULL, 0x7123ULL, 0x1000200ULL, 0x3fffffffULL, 0x40000000ULL,
                                      0xd0000010ULL, 0xffffffffULL}) {
    CHECK(translate(memory, state.cr3, address) == address);
  }
}

TEST_CASE("the boot processor enters in 64-bit mode with the zero page in RSI") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  const memory::BootRegisters state = write_initial_state(memory, memory::GuestAddress{0x1000200});
  CHECK(state.rip == 0x1000200);
  CHECK(state.rsi == kZeroPage.value);
  CHECK((state.cr0 & 0x80000001) == 0x80000001);
  CHECK((state.cr4 & 0x20) == 0x20);
  CHECK(state.efer == 0x500);
}

TEST_CASE("the segments are those that the boot protocol asks for, and those in the GDT") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  const memory::BootRegisters state = write_initial_state(memory, memory::GuestAddress{0x1000200});
  CHECK(state.code.selector == 0x10);
  CHECK(state.data.selector == 0x18);
  CHECK((state.code.descriptor >> 53 & 1) == 1);  // 64 bits
  for (const memory::BootSegment& segment : {state.code, state.data, state.task}) {
    CHECK(segment.selector + 7 <= state.gdt_limit);
    CHECK(memory.read_value<std::uint64_t>(
              memory::GuestAddress{state.gdt_base + segment.selector}) == segment.descriptor);
  }
}

}  // namespace
}  // namespace faasnap::boot
