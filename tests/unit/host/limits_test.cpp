// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/working_set_recorder.h>

#include "host/checks.h"
#include "support/small_guest.h"
#include "support/support.h"

namespace faasnap::host {
namespace {

using test::GuestOutput;

std::uint64_t descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::uint64_t>(std::distance(begin(all), end(all)));
}

std::uint64_t mappings() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::uint64_t>(std::count(std::istreambuf_iterator(maps), {}, '\n'));
}

// A snapshot of a guest with every device, and recordings for every setting; skips without KVM.
Snapshot record_small_guest(const std::filesystem::path& directory) {
  const auto kernel = directory / "kernel";
  const auto disk = directory / "disk";
  test::write_small_guest(kernel);
  std::ofstream(disk) << std::string(1 << 20, 'd');
  const GuestOutput output;
  VmOptions options = test::small_guest_options(kernel, output);
  options.root_image = disk;
  const auto boot = [&] {
    try {
      return VM::boot(options);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::unsupported || error.kind() == ErrorKind::not_found ||
          error.kind() == ErrorKind::permission) {
        SKIP(error.what());
      }
      throw;
    }
  };
  VM vm = boot();
  output.take(vm, std::chrono::seconds(60));
  const Snapshot bare = vm.snapshot(directory / "bare");
  VM restored = VM::restore(bare, {.record_accesses = AccessRecording::all, .root_image = disk});
  WorkingSetRecorder touches(bare, restored, {.recorder = Recorder::userfaultfd});
  restored.write_console("a");
  const WorkingSet recorded = touches.finish();
  return bare.derive(directory / "recorded", {.working_set = &recorded});
}

TEST_CASE("a VM takes no more of its process than limits are judged by") {
  const test::ScratchDirectory scratch;
  const Snapshot snapshot = record_small_guest(scratch.path());
  const auto disk = scratch.path() / "disk";
  for (const Setting setting : kAllSettings) {
    INFO(to_string(setting));
    const std::uint64_t descriptors_before = descriptors();
    const std::uint64_t mappings_before = mappings();
    VM vm = VM::restore(snapshot, {.setting = setting, .root_image = disk, .start = false});
    const std::uint64_t regions = vm.stats().restore.mappings;
    CHECK(descriptors() - descriptors_before <= kDescriptorsOfVm);
    CHECK(mappings() - mappings_before <= kMappingsOfVm + regions);
  }
}

}  // namespace
}  // namespace faasnap::host
