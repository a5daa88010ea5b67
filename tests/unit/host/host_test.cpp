// SPDX-License-Identifier: Apache-2.0

#include <faasnap/host.h>

#include <sys/resource.h>
#include <sys/vfs.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>

#include <faasnap/directory_store.h>
#include <faasnap/object_store_server.h>

#include "host/checks.h"
#include "support/support.h"

namespace faasnap {
namespace {

using test::error_of;
using test::ScratchDirectory;

const HostCheck* find(const HostReport& report, const std::string& name) {
  const auto found = std::find_if(report.checks.begin(), report.checks.end(),
                                  [&](const HostCheck& check) { return check.name == name; });
  return found == report.checks.end() ? nullptr : &*found;
}

TEST_CASE("a host report has a detail for every check, and a remedy for every bad one only") {
  const ScratchDirectory scratch;
  const HostReport report = inspect_host({.directory = scratch.path(), .redis = {}});
  for (const char* name : {"kvm", "io_uring", "userfaultfd", "descriptors", "locked_memory",
                           "mappings", "file_system", "free_space", "leftovers", "read_ahead"}) {
    CHECK(find(report, name) != nullptr);
  }
  CHECK(find(report, "redis") == nullptr);
  for (const HostCheck& check : report.checks) {
    INFO(check.name);
    CHECK_FALSE(check.detail.empty());
    CHECK(check.remedy.empty() == check.ok);
  }
  CHECK(std::filesystem::is_empty(scratch.path()));
}

TEST_CASE("VMs run at speed exactly where KVM opens and its speed is good") {
  const HostReport report = inspect_kvm();
  const HostCheck* kvm = find(report, "kvm");
  const HostCheck* speed = find(report, "kvm_speed");
  REQUIRE(kvm != nullptr);
  CHECK((speed != nullptr) == kvm->ok);
  CHECK(report.runs_vms_at_speed == (speed != nullptr && speed->ok));
}

TEST_CASE("a directory that is missing is an error, not a bad check") {
  CHECK(error_of([] { inspect_host({.directory = "/nonexistent", .redis = {}}); }).kind() ==
        ErrorKind::not_found);
}

TEST_CASE("a small limit of descriptors is bad, and says for how many VMs it is enough") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const auto with_limit = [&](rlim_t limit) {
    const rlimit low{limit, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    const HostCheck check = host::check_descriptors();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    return check;
  };
  const HostCheck small = with_limit(256);
  CHECK_FALSE(small.ok);
  CHECK(small.detail.find("256 files") != std::string::npos);
  CHECK(small.detail.find("enough for 2 VMs") != std::string::npos);
  CHECK(small.remedy.find("ulimit -n") != std::string::npos);
  if (before.rlim_max >= 1024) {
    CHECK(with_limit(1024).ok);
  }
}

TEST_CASE("advice fits the host: no newer kernel where the kernel is new, no root for a device") {
  CHECK(host::pre_fault_remedy({6, 10}).find("Linux 6.11") != std::string::npos);
  CHECK(host::pre_fault_remedy({6, 18}).find("Linux 6.11") == std::string::npos);
  CHECK(host::pre_fault_remedy({7, 0}).find("EPT") != std::string::npos);
  CHECK(host::running_kernel() > host::KernelVersion{5, 0});
  const std::string remedy = host::userfaultfd_remedy(ErrorKind::permission);
  CHECK(remedy.find("/dev/userfaultfd") < remedy.find("sysctl"));
  CHECK(remedy.find("CONFIG_USERFAULTFD") == std::string::npos);
  CHECK(host::userfaultfd_remedy(ErrorKind::unsupported).find("CONFIG_USERFAULTFD") !=
        std::string::npos);
}

TEST_CASE("a file system in memory is no place for snapshots") {
  if (!std::filesystem::is_directory("/dev/shm")) {
    SKIP("there is no /dev/shm");
  }
  CHECK_FALSE(host::check_file_system("/dev/shm").ok);
}

TEST_CASE("what killed processes have left in the directory is told, with what removes it") {
  const ScratchDirectory scratch;
  CHECK(host::check_leftovers(scratch.path()).ok);
  std::filesystem::create_directory(scratch.path() / "s.partial-0123abcd");
  const HostCheck check = host::check_leftovers(scratch.path());
  CHECK_FALSE(check.ok);
  CHECK(check.detail.find("s.partial-0123abcd") != std::string::npos);
  CHECK(check.remedy == "faasnap snapshot prune " + scratch.path().string());
}

TEST_CASE("a Redis server is good when it answers PING") {
  const ScratchDirectory scratch;
  const auto socket = scratch.path() / "redis";
  CHECK_FALSE(host::check_redis({.address = socket}).ok);
  ObjectStoreServer server{std::make_shared<DirectoryStore>(scratch.path() / "store")};
  server.listen(socket);
  CHECK(host::check_redis({.address = socket}).ok);
  CHECK_FALSE(host::check_redis({.address = "127.0.0.1:1"}).ok);
}

}  // namespace
}  // namespace faasnap
