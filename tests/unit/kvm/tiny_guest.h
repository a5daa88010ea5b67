// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/error.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "kvm/vcpu_fd.h"
#include "kvm/vm_fd.h"
#include "memory/guest_memory.h"

namespace faasnap::kvm::test {

// Opens /dev/kvm, or skips the test if there is none.
inline System open_or_skip() {
  try {
    return System::open();
  } catch (const Error& error) {
    SKIP(error.what());
    throw;
  }
}

inline constexpr memory::GuestAddress kCode{0x1000};

// A VM with one vCPU that is about to run `code` in 32-bit protected mode: flat segments, no
// paging, no interrupt table.
class TinyGuest {
 public:
  explicit TinyGuest(std::initializer_list<std::uint8_t> code)
      : system(open_or_skip()), memory(memory::kMinimumSize), vm(system) {
    vm.map_memory(memory);
    vcpu.emplace(system, vm, 0, 1);
    const std::vector<std::uint8_t> bytes(code);
    memory.write(kCode, std::as_bytes(std::span(bytes)));
    memory::BootRegisters boot;
    boot.rip = kCode.value;
    boot.rsp = 0x8000;
    boot.cr0 = 0x11;
    boot.code = {0x08, 0x00cf9b000000ffff};
    boot.data = {0x10, 0x00cf93000000ffff};
    boot.task = {0x18, 0x00008b0000000067};
    vcpu->set_boot_state(boot);
  }

  // Runs until any exit other than an interruption.
  Exit run() {
    Exit exit = Interrupted{};
    while (std::holds_alternative<Interrupted>(exit)) {
      exit = vcpu->run();
    }
    return exit;
  }

  System system;
  memory::GuestMemory memory;
  VmFd vm;
  std::optional<VcpuFd> vcpu;
};

inline base::ByteReader reader(const std::vector<std::byte>& bytes) {
  return base::ByteReader(bytes, "snapshot/state", "vcpu 0");
}

// Returns the kind of the Error that `action` throws, or nothing if it throws none.
template <typename Action>
std::optional<ErrorKind> error_kind(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  return std::nullopt;
}

}  // namespace faasnap::kvm::test
