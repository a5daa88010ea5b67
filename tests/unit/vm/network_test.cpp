// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <optional>
#include <utility>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/vm_pool.h>

#include "base/files/fd.h"
#include "support/support.h"
#include "support/test_tap.h"
#include "vm/tiny_vm.h"

namespace faasnap {
namespace {

using test::boot_tiny;
using test::error_of;
using test::ScratchDirectory;
using test::TestTap;

// A stream, as a network in user space has the other end of.
struct Stream {
  Stream() : Stream(base::make_stream_pair()) {}
  NetworkOptions options() const {
    return {.kind = NetworkKind::stream, .descriptor = ours.get(), .mac = {}, .mtu = 0};
  }
  base::UniqueFd ours;
  base::UniqueFd theirs;

 private:
  explicit Stream(std::pair<base::UniqueFd, base::UniqueFd> ends)
      : ours(std::move(ends.first)), theirs(std::move(ends.second)) {}
};

NetworkOptions options_of(const TestTap& tap) {
  return {.kind = NetworkKind::tap, .descriptor = tap.tap.get(), .mac = {}, .mtu = 0};
}

std::optional<WorkerOptions> worker_if(bool remote) {
  return remote ? std::optional(WorkerOptions{}) : std::nullopt;
}

VM boot_with(const ScratchDirectory& scratch, const std::optional<NetworkOptions>& network,
             bool remote) {
  VmOptions options;
  options.attachments.network = network;
  options.worker = worker_if(remote);
  return boot_tiny(scratch.path(), options);
}

RestoreOptions restore_with(const std::optional<NetworkOptions>& network, bool remote) {
  RestoreOptions options;
  options.attachments.network = network;
  options.worker = worker_if(remote);
  return options;
}

Snapshot snapshot_of(VM vm, const ScratchDirectory& scratch, const char* name) {
  vm.pause();
  return vm.snapshot(scratch.path() / name);
}

TEST_CASE("a VM takes a tap, and a restored one takes another or goes without") {
  const ScratchDirectory scratch;
  const bool remote = GENERATE(false, true);
  INFO("remote: " << remote);
  std::optional<TestTap> tap(std::in_place);
  VM vm = boot_with(scratch, options_of(*tap), remote);
  tap.reset();  // the VM has a copy
  CHECK(vm.stats().network.link_up);
  const Snapshot snapshot = snapshot_of(std::move(vm), scratch, "tap");
  SECTION("another tap") {
    const TestTap other;
    VM clone = VM::restore(snapshot, restore_with(options_of(other), remote));
    CHECK(clone.stats().network.link_up);
    CHECK(clone.state() == VmState::running);
  }
  SECTION("none") {
    VM clone = VM::restore(snapshot, restore_with({}, remote));
    CHECK_FALSE(clone.stats().network.link_up);
    CHECK(clone.state() == VmState::running);
    const Snapshot again = snapshot_of(std::move(clone), scratch, "again");
    const TestTap other;
    CHECK(VM::restore(again, restore_with(options_of(other), remote)).stats().network.link_up);
  }
  SECTION("a stream, which cannot do what the tap could") {
    const Stream stream;
    const Error error =
        error_of([&] { VM::restore(snapshot, restore_with(stream.options(), remote)); });
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(std::string(error.what()).find("offloads") != std::string::npos);
  }
}

TEST_CASE("a VM takes a stream, and a restored one takes a stream or a tap") {
  const ScratchDirectory scratch;
  const bool remote = GENERATE(false, true);
  INFO("remote: " << remote);
  Stream stream;
  VM vm = boot_with(scratch, stream.options(), remote);
  CHECK(vm.stats().network.link_up);
  const Snapshot snapshot = snapshot_of(std::move(vm), scratch, "stream");
  SECTION("a stream") {
    const Stream other;
    CHECK(VM::restore(snapshot, restore_with(other.options(), remote)).stats().network.link_up);
  }
  SECTION("a tap") {
    const TestTap other;
    CHECK(VM::restore(snapshot, restore_with(options_of(other), remote)).stats().network.link_up);
  }
}

TEST_CASE("a network is refused that is not what the options say") {
  const ScratchDirectory scratch;
  const bool remote = GENERATE(false, true);
  INFO("remote: " << remote);
  const Stream stream;
  NetworkOptions network = stream.options();
  SECTION("a stream as a tap") { network.kind = NetworkKind::tap; }
  SECTION("an address of a group") { network.mac = MacAddress{{1, 0, 0, 0, 0, 0}}; }
  SECTION("a tiny MTU") { network.mtu = 67; }
  const Error error = error_of([&] { boot_with(scratch, network, remote); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
}

TEST_CASE("a network is refused for a snapshot without the device, and for a pool") {
  const ScratchDirectory scratch;
  const bool remote = GENERATE(false, true);
  INFO("remote: " << remote);
  const Stream stream;
  const Snapshot without = snapshot_of(boot_with(scratch, {}, remote), scratch, "without");
  const RestoreOptions options = restore_with(stream.options(), remote);
  CHECK(error_of([&] { VM::restore(without, options); }).kind() == ErrorKind::invalid_argument);
  CHECK(error_of([&] { VmPool(without, options, 1); }).kind() == ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace faasnap
