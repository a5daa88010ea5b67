// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cstdlib>
#include <future>
#include <string>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

bool run(const std::string& command) { return std::system((command + " >&2").c_str()) == 0; }

// A copy of the recorded snapshot that shares no file with it.
class Copy {
 public:
  explicit Copy(const std::filesystem::path& directory) : directory_(directory) {
    REQUIRE(run("cp -a --sparse=always " + recorded_snapshot().directory().string() + " " +
                directory.string()));
  }
  ~Copy() {
    std::error_code ignored;  // as a disk that has failed has it
    std::filesystem::remove_all(directory_, ignored);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  Snapshot open() const { return Snapshot::open(directory_); }
  std::string path_of(const std::string& file) const { return (directory_ / file).string(); }
  void truncate(const std::string& file) const {
    REQUIRE(::truncate(path_of(file).c_str(), 0) == 0);
  }

 private:
  std::filesystem::path directory_;
};

// A file system on a disk that can be made to fail: from then on every read and write of it is an
// I/O error (the device mapper's target "error").
class FailingDisk {
 public:
  FailingDisk() : file_(fresh_path("failing-disk").string()), directory_(file_ + ".mounted") {
    remove();  // what an interrupted test has left
    REQUIRE(run("truncate -s 1G " + file_ + " && mkdir " + directory_.string()));
    // The device of the file, and one over it whose table can be exchanged.
    REQUIRE(run("loop=$(losetup --find --show " + file_ +
                ") && echo \"0 $(blockdev --getsz $loop) "
                "linear $loop 0\" | DM_DISABLE_UDEV=1 dmsetup create " +
                kName));
    REQUIRE(run("mkfs.ext4 -q " + device() + " && mount " + device() + " " + directory_.string()));
  }
  ~FailingDisk() { remove(); }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  void fail() const { REQUIRE(run(std::string("dmsetup wipe_table ") + kName)); }

 private:
  static constexpr const char* kName = "faasnap-failing";
  static std::string device() { return std::string("/dev/mapper/") + kName; }

  void remove() const {
    run("exec 2>/dev/null; umount -l " + directory_.string() + "; dmsetup remove --force " + kName +
        "; losetup -j " + file_ + " | cut -d: -f1 | xargs -r losetup -d; rm -rf " + file_ + " " +
        directory_.string());
  }

  std::string file_;
  std::filesystem::path directory_;
};

// What becomes of a VM that was prepared before its files went bad: the error that start throws, or
// the reason for which the guest stops.
std::string end_of(PreparedVM prepared) {
  try {
    VM vm = prepared.start();
    REQUIRE(vm.wait(kPatience) == VmState::internal_error);
    return vm.failure();
  } catch (const Error& error) {
    return error.what();
  }
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a VM whose memory file is cut short while it waits stops, and names the file") {
  require_kvm();
  const Setting setting =
      GENERATE(Setting::lazy, Setting::concurrent, Setting::per_region, Setting::faasnap);
  INFO(to_string(setting));
  const Copy copy(fresh_path("cut-short"));
  const Snapshot snapshot = copy.open();
  snapshot.drop_caches();
  PreparedVM prepared = VM::prepare(snapshot, restored_with(setting));
  copy.truncate("memory");
  const std::string reason = end_of(std::move(prepared));
  INFO(reason);
  CHECK(mentions(reason, copy.path_of("memory")));
}

TEST_CASE("a VM whose recorded pages cannot be read stops, and names the file") {
  require_kvm();
  const auto [setting, file] =
      GENERATE(table<Setting, std::string>({{Setting::faasnap, "loading-set"},
                                            {Setting::reap, "reap-set"},
                                            {Setting::stream, "stream-set"}}));
  INFO(to_string(setting));
  const Copy copy(fresh_path("cut-short"));
  const Snapshot snapshot = copy.open();
  snapshot.drop_caches();
  PreparedVM prepared = VM::prepare(snapshot, restored_with(setting, Place::here));
  copy.truncate(file);
  const std::string reason = end_of(std::move(prepared));
  INFO(reason);
  CHECK(mentions(reason, copy.path_of(file)));
}

TEST_CASE("a VM whose disk fails while it waits stops, and names what could not be read") {
  require_kvm();
  if (::geteuid() != 0 || !run("command -v dmsetup && modprobe dm-mod && modprobe loop")) {
    SKIP("needs root, dmsetup and the kernel's device mapper");
  }
  const auto setting = GENERATE(Setting::lazy, Setting::faasnap, Setting::reap, Setting::stream);
  INFO(to_string(setting));
  const FailingDisk disk;
  const Copy copy(disk.directory() / "snapshot");
  const Snapshot snapshot = copy.open();
  REQUIRE(snapshot.drop_caches() == 0);
  PreparedVM prepared = VM::prepare(snapshot, restored_with(setting));
  disk.fail();
  const std::string reason = end_of(std::move(prepared));
  INFO(reason);
  CHECK(mentions(reason, copy.path_of("")));
  CHECK(mentions(reason, "Input/output error"));
}

TEST_CASE("no snapshot is made of a VM whose disk has failed, and the reason says why") {
  require_kvm();
  if (::geteuid() != 0 || !run("command -v dmsetup && modprobe dm-mod && modprobe loop")) {
    SKIP("needs root, dmsetup and the kernel's device mapper");
  }
  // With `cached` the page cache has everything, and a snapshot can be made.
  const auto setting = GENERATE(Setting::lazy, Setting::concurrent, Setting::per_region,
                                Setting::faasnap, Setting::reap, Setting::stream);
  INFO(to_string(setting));
  const FailingDisk disk;
  const Copy copy(disk.directory() / "snapshot");
  const Snapshot snapshot = copy.open();
  REQUIRE(snapshot.drop_caches() == 0);
  RestoreOptions options = restored_with(setting, Place::here);
  options.start = false;
  VM vm = VM::restore(snapshot, options);
  disk.fail();
  const auto path = fresh_path("of-a-failed-disk");
  const std::string reason = [&]() -> std::string {
    try {
      vm.snapshot(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }();
  INFO(reason);
  CHECK(mentions(reason, copy.path_of("")));
  CHECK(mentions(reason, "Input/output error"));
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(vm.state() == VmState::internal_error);
}

TEST_CASE("a request to a VM whose memory file is cut short ends with the reason") {
  require_kvm();
  const Copy copy(fresh_path("cut-short"));
  Guest guest = Guest::restore(copy.open(), {.setting = Setting::lazy});
  guest.health();
  auto answer = std::async(std::launch::async, [&]() -> std::string {
    try {
      for (;;) {
        guest.channel().invoke("hello", "{}", kPatience);
      }
    } catch (const Error& error) {
      return error.what();
    }
  });
  copy.truncate("memory");
  const std::string reason = answer.get();
  INFO(reason);
  CHECK(mentions(reason, copy.path_of("memory")));
  CHECK(guest.vm().state() == VmState::internal_error);
  CHECK_THROWS_AS(guest.vm().connect(kAgentPort, kPatience), Error);
  CHECK_THROWS_AS(guest.vm().snapshot(fresh_path("of-the-dead")), Error);
}

TEST_CASE("a snapshot that is cut short before the restore is refused") {
  require_kvm();
  const Setting setting = GENERATE(from_range(kAllSettings));
  INFO(to_string(setting));
  const Copy copy(fresh_path("cut-short"));
  const Snapshot snapshot = copy.open();
  copy.truncate("memory");
  CHECK_THROWS_AS(VM::prepare(snapshot, restored_with(setting, Place::here)), Error);
}
