// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

TEST_CASE("a stock kernel boots from its bzImage, answers, and is kept as a snapshot", "[setup]") {
  require_kvm();
  Guest guest = Guest::boot(boot_options("faasnap.shell=1 faasnap.test=1"));
  CHECK(guest.health().at("status") == "ok");
  const Snapshot snapshot = guest.vm().snapshot(fresh_path("base"), {.labels = {{"test", "base"}}});
  CHECK(snapshot.info().vcpus == 2);
  CHECK(snapshot.info().labels.at("test") == "base");
  // The saved VM goes on.
  CHECK(guest.health().at("status") == "ok");

  const VmStats stats = guest.vm().stats();
  CHECK(stats.faults.vcpu_minor > 0);
  CHECK(stats.restore.total == Nanoseconds(0));
  CHECK(guest.vm().memory_usage().resident > 32_MiB);
  CHECK(guest.vm().loads().empty());
  CHECK_NOTHROW(guest.vm().wait_loaded());
}

TEST_CASE(
    "its ELF vmlinux boots in this process, on 8 vCPUs and both sides of the hole below 4 GiB") {
  require_kvm();
  VmOptions options = boot_options("", Place::here);
  options.kernel = images() / "vmlinux";
  options.vcpus = 8;
  options.memory = 4_GiB;
  ConsoleLog console;
  options.attachments.console = console.sink();
  options.command_line = "console=ttyS0 reboot=k panic=-1 root=/dev/vda ro";
  Guest guest = Guest::boot(options);
  CHECK(guest.health().at("status") == "ok");
  CHECK(console.text().find("Total of 8 processors activated") != std::string::npos);
}

TEST_CASE("power-off and panic each end a guest in a state of its own") {
  require_kvm();
  const auto end_after = [](const std::string& request) {
    Guest guest = Guest::restore(base_snapshot());
    guest.channel().request("POST", request, "", kPatience);
    return guest.vm().wait(kPatience);
  };
  CHECK(end_after("/poweroff") == VmState::powered_off);
  CHECK(end_after("/panic") == VmState::panicked);
}

TEST_CASE("a guest that cannot start resets, and its console says why") {
  require_kvm();
  ConsoleLog console;
  VmOptions options = boot_options();
  options.command_line = "console=ttyS0 reboot=k panic=-1 root=/dev/nothing ro";
  options.attachments.console = console.sink();
  VM vm = VM::boot(options);
  const auto end = vm.wait(kPatience);
  REQUIRE(end);
  CHECK((*end == VmState::panicked || *end == VmState::reset));
  CHECK(console.text().find("/dev/nothing did not appear") != std::string::npos);
}

TEST_CASE("a guest that has ended refuses to be resumed, snapshotted and reached") {
  require_kvm();
  Guest guest = Guest::restore(base_snapshot());
  guest.vm().stop();
  CHECK(guest.vm().state() == VmState::stopped);
  CHECK_THROWS_AS(guest.vm().resume(), Error);
  CHECK_THROWS_AS(guest.vm().snapshot(fresh_path("never")), Error);
  CHECK_THROWS_AS(guest.vm().connect(kAgentPort, kPatience), Error);
  CHECK_FALSE(std::filesystem::exists(data_directory() / "never"));
}
