// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace faasnap::memory {

// A segment register: its selector and the GDT entry that it is loaded from (Intel SDM volume 3,
// 3.4.5; for a task-state segment the lower eight bytes, the upper half of its base being zero).
struct BootSegment {
  std::uint16_t selector = 0;
  std::uint64_t descriptor = 0;
};

// The registers with which a vCPU enters a kernel. All others are as after reset.
struct BootRegisters {
  std::uint64_t rip = 0;
  std::uint64_t rsp = 0;
  std::uint64_t rsi = 0;
  std::uint64_t cr0 = 0;
  std::uint64_t cr3 = 0;
  std::uint64_t cr4 = 0;
  std::uint64_t efer = 0;
  std::uint64_t gdt_base = 0;
  std::uint16_t gdt_limit = 0;
  BootSegment code;
  BootSegment data;  // DS, ES, FS, GS and SS
  BootSegment task;
};

}  // namespace faasnap::memory
