// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

namespace fs = std::filesystem;

// A cgroup whose processes may take `memory` bytes. Skips the test where none can be made.
class MemoryCgroup {
 public:
  explicit MemoryCgroup(Bytes memory)
      : directory_(kRoot / ("faasnap-test-" + std::to_string(::getpid()))) {
    if (!fs::exists(kRoot / "cgroup.subtree_control")) {
      SKIP(kRoot.string() + " is not a cgroup of version 2");
    }
    write(kRoot / "cgroup.subtree_control", "+memory");
    std::error_code failure;
    if (!fs::create_directory(directory_, failure)) {
      SKIP(directory_.string() + ": " + failure.message());
    }
    write(directory_ / "memory.max", std::to_string(memory.value));
    if (fs::exists(directory_ / "memory.swap.max")) {
      write(directory_ / "memory.swap.max", "0");
    }
  }
  ~MemoryCgroup() {
    std::error_code ignored;
    fs::remove(directory_, ignored);
  }
  MemoryCgroup(const MemoryCgroup&) = delete;
  MemoryCgroup& operator=(const MemoryCgroup&) = delete;

  const fs::path& directory() const { return directory_; }

 private:
  static inline const fs::path kRoot = "/sys/fs/cgroup";

  void write(const fs::path& path, const std::string& text) const {
    std::ofstream file(path);
    file << text << std::flush;
    if (!file) {
      std::error_code ignored;
      fs::remove(directory_, ignored);
      SKIP(path.string() + " cannot be written");
    }
  }

  fs::path directory_;
};

// Returns the error of an invocation.
std::string failure_of(Guest& guest, const std::string& function, const std::string& input) {
  try {
    guest.channel().invoke(function, input, kInvocationPatience);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE(
    "a guest that takes more memory than its worker's cgroup has ends, and the reason says so") {
  require_kvm();
  const MemoryCgroup cgroup(128_MiB);
  RestoreOptions options = restored_with(Setting::lazy);
  options.worker->cgroup = cgroup.directory();
  Guest guest = Guest::serve(VM::restore(base_snapshot(), options));
  Guest other = Guest::restore(base_snapshot());
  const std::string process = std::to_string(guest.vm().worker().value().process);
  const std::string expected = "worker " + process +
                               " was killed by signal 9 (Killed): the memory limit of cgroup " +
                               cgroup.directory().string();
  const std::string failure = failure_of(guest, "mmap", R"({"mib": 256})");
  CHECK(failure.ends_with("the guest has ended: internal_error: " + expected));
  CHECK(guest.vm().wait(kPatience) == VmState::internal_error);
  CHECK(guest.vm().failure() == expected);
  CHECK(other.health().at("status") == "ok");
}

TEST_CASE("a worker that is killed ends the request that its guest works on, and no other's") {
  require_kvm();
  Guest guest = Guest::restore(base_snapshot());
  Guest other = Guest::restore(base_snapshot());
  guest.health();
  auto answer = std::async(std::launch::async, [&] {
    std::string failure = "none";
    while (failure == "none") {
      failure = failure_of(guest, "hello", "{}");
    }
    return failure;
  });
  ::kill(guest.vm().worker().value().process, SIGKILL);
  const std::string failure = answer.get();
  INFO(failure);
  CHECK(failure.find("was killed by signal 9 (Killed)") != std::string::npos);
  CHECK(guest.vm().state() == VmState::internal_error);
  CHECK(other.health().at("status") == "ok");
}
