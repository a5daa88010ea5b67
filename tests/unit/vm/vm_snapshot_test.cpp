// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include <faasnap/setting.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm.h>

#include "support/support.h"
#include "vm/tiny_vm.h"

namespace faasnap {
namespace {

using test::boot_tiny;
using test::different_bytes;
using test::error_of;
using test::ScratchDirectory;
using test::snapshot_tiny;

void cut_files(const std::filesystem::path& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    REQUIRE(::truncate(entry.path().c_str(), 0) == 0);
  }
}

TEST_CASE("a snapshot of a restored VM has the memory that it was restored from") {
  const ScratchDirectory scratch;
  const Snapshot first = snapshot_tiny(scratch.path());
  const Setting setting = GENERATE(from_range(kAllSettings));
  INFO(to_string(setting));
  VM vm = VM::restore(first, {.setting = setting, .start = false});
  const Snapshot second = vm.snapshot(scratch.path() / "second");
  CHECK_NOTHROW(second.verify());
  // The generation id is renewed by a restore, and nothing else.
  CHECK(different_bytes(first, second) <= 16);
}

TEST_CASE("no snapshot is made of a restored VM whose memory cannot be read any more") {
  const ScratchDirectory scratch;
  const Snapshot first = snapshot_tiny(scratch.path());
  const Setting setting = GENERATE(from_range(kAllSettings));
  const bool recording = GENERATE(false, true);
  if (recording && setting != Setting::lazy && setting != Setting::stream) {
    return;
  }
  INFO(to_string(setting) << (recording ? ", recording" : ""));
  VM vm = VM::restore(first,
                      {.setting = setting,
                       .record_accesses = recording ? AccessRecording::all : AccessRecording::none,
                       .start = false});
  cut_files(first.directory());
  const Error error = error_of([&] { vm.snapshot(scratch.path() / "second"); });
  INFO(error.what());
  // A loader may have found it out, and ended the VM, before the snapshot began.
  CHECK((error.kind() == ErrorKind::io || error.kind() == ErrorKind::corrupt ||
         error.kind() == ErrorKind::guest));
  CHECK(std::string(error.what()).find(first.directory().string()) != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(scratch.path() / "second"));
}

TEST_CASE("no snapshot is made of a restored VM whose memory file was written to meanwhile") {
  const ScratchDirectory scratch;
  const Snapshot first = snapshot_tiny(scratch.path());
  VM vm = VM::restore(first, {.setting = Setting::lazy, .start = false});
  const auto file = first.directory() / "memory";
  const auto size = std::filesystem::file_size(file);
  // Cut and made as long as before: every page reads as zeros.
  REQUIRE(::truncate(file.c_str(), 0) == 0);
  REQUIRE(::truncate(file.c_str(), static_cast<off_t>(size)) == 0);
  const Error error = error_of([&] { vm.snapshot(scratch.path() / "second"); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == file);
  CHECK_FALSE(std::filesystem::exists(scratch.path() / "second"));
}

TEST_CASE("no VM is restored from files that were written to since they were opened") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  const std::string name = GENERATE("memory", "state", "loading-set");
  const auto file = snapshot.directory() / name;
  const std::byte zero{0};
  base::write_exact(base::open_file(file, O_WRONLY), {&zero, 1}, 4096, file);
  const Error error = error_of([&] { VM::restore(snapshot, {.setting = Setting::lazy}); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == file);
}

TEST_CASE("no snapshot is made of a VM that is stopped meanwhile") {
  const ScratchDirectory scratch;
  VM vm = boot_tiny(scratch.path());
  const Error error = error_of([&] {
    vm.snapshot(scratch.path() / "s", {.progress = [&](Bytes, Bytes) {
                  vm.stop();
                  return true;
                }});
  });
  CHECK(error.kind() == ErrorKind::guest);
  CHECK_FALSE(std::filesystem::exists(scratch.path() / "s"));
}

TEST_CASE("a VM stays paused while a snapshot is made, and does afterwards what it was told") {
  const ScratchDirectory scratch;
  VM vm = boot_tiny(scratch.path());
  const auto snapshot_with = [&](const char* name, const std::function<void()>& meanwhile) {
    bool told = false;
    vm.snapshot(scratch.path() / name, {.progress = [&](Bytes, Bytes) {
                  if (!told) {
                    told = true;
                    std::thread(meanwhile).join();
                  }
                  CHECK(vm.state() == VmState::paused);
                  return true;
                }});
    REQUIRE(told);
  };
  snapshot_with("resumed", [&] { vm.resume(); });
  CHECK(vm.state() == VmState::running);
  snapshot_with("paused", [&] { vm.pause(); });
  CHECK(vm.state() == VmState::paused);
  snapshot_with("resumed-after-pause", [&] { vm.resume(); });
  CHECK(vm.state() == VmState::running);
  snapshot_with("paused-and-resumed", [&] {
    vm.pause();
    vm.resume();
  });
  CHECK(vm.state() == VmState::running);
}

}  // namespace
}  // namespace faasnap
