// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <filesystem>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/working_set.h>

#include "base/files/file.h"
#include "support/elf_kernel.h"

namespace faasnap::test {

// A guest that halts at once and for ever, and has a MiB of data: enough for whatever is done to a
// VM from outside, on any host that has KVM.
inline std::filesystem::path write_tiny_kernel(const std::filesystem::path& path) {
  static constexpr unsigned char kCode[] = {0xfa, 0xf4, 0xeb, 0xfd};  // cli; hlt; jmp hlt
  std::vector<std::byte> content(1 << 20);
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<std::byte>(1 + i * 7 + i / kPageSize);
  }
  std::memcpy(content.data(), kCode, sizeof(kCode));
  base::write_new_file(path, elf_kernel(content));
  return path;
}

// Boots the tiny guest; skips where there is no usable /dev/kvm.
inline VM boot_tiny(const std::filesystem::path& directory, VmOptions options = {}) {
  options.kernel = directory / "kernel";
  if (!std::filesystem::exists(options.kernel)) {
    write_tiny_kernel(options.kernel);
  }
  options.memory = 128_MiB;
  options.vcpus = 1;
  options.command_line = "x";
  try {
    return VM::boot(options);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported && error.path() != "/dev/kvm") {
      throw;
    }
    SKIP(error.what());
    throw;
  }
}

// Returns a snapshot of the tiny guest with the sets of every setting: half of its data is
// "recorded".
inline Snapshot snapshot_tiny(const std::filesystem::path& directory) {
  VM vm = boot_tiny(directory);
  vm.pause();
  const Snapshot base = vm.snapshot(directory / "base");
  static constexpr PageRange kRecorded{PageIndex{(16 << 20) / kPageSize}, 128};
  const WorkingSet recorded(base.info().id, base.info().memory, {{kRecorded}});
  std::vector<PageAccess> accesses;
  for (PageIndex page = kRecorded.first; page < kRecorded.end(); page = page + 1) {
    accesses.push_back({page, Nanoseconds(1000 * (1 + accesses.size())), false, false});
  }
  const WorkingSet touched =
      WorkingSet::from_accesses(base.info().id, base.info().memory, accesses);
  const Snapshot half = base.derive(directory / "half", {.working_set = &recorded});
  Snapshot whole = half.derive(directory / "whole", {.working_set = &touched});
  Snapshot::remove(directory / "base");
  Snapshot::remove(directory / "half");
  return whole;
}

// Returns how many bytes of the guest's memory differ: of the image without its last page, the
// trailer.
inline std::size_t different_bytes(const Snapshot& one, const Snapshot& other) {
  const auto memory_of = [](const Snapshot& snapshot) {
    auto content = base::read_file(snapshot.directory() / "memory", 1_GiB);
    content.resize(snapshot.info().memory.value);
    return content;
  };
  const auto first = memory_of(one);
  const auto second = memory_of(other);
  REQUIRE(first.size() == second.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    count += first[i] != second[i];
  }
  return count;
}

}  // namespace faasnap::test
