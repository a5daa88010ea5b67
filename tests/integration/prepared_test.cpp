// SPDX-License-Identifier: Apache-2.0

#include <faasnap/vm_pool.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

constexpr auto kWait = kClockTolerance + std::chrono::milliseconds(500);

}  // namespace

TEST_CASE("a prepared VM holds next to nothing, and starts after a wait with the right time") {
  require_kvm();
  const Setting setting = GENERATE(Setting::lazy, Setting::faasnap, Setting::reap, Setting::stream);
  INFO(to_string(setting));
  const Snapshot snapshot = recorded_snapshot();
  RestoreOptions options = restored_with(setting);
  options.clock = MonotonicClock::advanced;
  PreparedVM prepared = VM::prepare(snapshot, options);
  // Buffers, and the few pages that the saved state of vCPUs and devices touches.
  CHECK(prepared.memory() < 16_MiB);
  std::this_thread::sleep_for(kWait);
  const auto requested = std::chrono::steady_clock::now();
  Guest guest = Guest::serve(prepared.start());
  const auto started = std::chrono::steady_clock::now();
  CHECK(guest.clock_error() < kClockTolerance);
  CHECK(guest.invoke("hello", {{"name", "x"}}) == run_outside("hello", {{"name", "x"}}));

  const RestoreStats stats = guest.vm().stats().restore;
  CHECK(stats.prepared);
  CHECK(stats.total >= stats.start);
  // The wait before the request is not counted.
  CHECK(stats.total <= started - requested);
}

TEST_CASE("VMs prepared from one snapshot have random numbers of their own") {
  require_kvm();
  const Snapshot snapshot = recorded_snapshot();
  std::vector<PreparedVM> prepared;
  for (int i = 0; i < 4; ++i) {
    prepared.push_back(VM::prepare(snapshot, restored_with(Setting::stream)));
  }
  std::set<std::string> seen;
  for (PreparedVM& vm : prepared) {
    seen.insert(Guest::serve(vm.start()).health().at("random").get<std::string>());
  }
  CHECK(seen.size() == prepared.size());
}

TEST_CASE("a prepared VM can be thrown away, and started only once") {
  require_kvm();
  const Snapshot snapshot = recorded_snapshot();
  { const PreparedVM unused = VM::prepare(snapshot, restored_with(Setting::stream)); }
  PreparedVM prepared = VM::prepare(snapshot, restored_with(Setting::stream));
  prepared.start();
  CHECK_THROWS_AS(prepared.start(), Error);
}

TEST_CASE("a pool gives out prepared VMs to many threads, and others where it has none left") {
  require_kvm();
  VmPool pool(recorded_snapshot(), restored_with(Setting::stream), 2);
  pool.wait_full();
  CHECK(pool.stats().ready == 2);
  CHECK(pool.stats().memory > Bytes{});
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Guest guest = Guest::serve(pool.take());
      right += guest.health().at("status") == "ok" ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(right == 4);
  const VmPoolStats stats = pool.stats();
  CHECK(stats.prepared >= 2);
  CHECK(stats.prepared + stats.unprepared == 4);
  CHECK(stats.failures == 0);
  pool.wait_full();
  CHECK(pool.stats().ready == 2);
}

TEST_CASE("a pool that cannot prepare VMs says why, and can be destroyed at any time") {
  require_kvm();
  RestoreOptions options = restored_with(Setting::lazy);
  options.root_image = "/nowhere/root.img";
  VmPool pool(recorded_snapshot(), options, 3);
  CHECK_THROWS_AS(pool.wait_full(), Error);
  CHECK(pool.stats().failures >= 1);
  CHECK(pool.stats().last_failure.find("/nowhere/root.img") != std::string::npos);
  CHECK_THROWS_AS(pool.take(), Error);
  const VmPool busy(recorded_snapshot(), restored_with(Setting::stream), 8);  // destroyed at once
}

TEST_CASE("a pool refuses a size of none, and a socket that its VMs would share") {
  require_kvm();
  CHECK_THROWS_AS(VmPool(base_snapshot(), {}, 0), Error);
  RestoreOptions options;
  options.attachments.vsock_socket = "/tmp/shared.sock";
  CHECK_THROWS_AS(VmPool(base_snapshot(), options, 1), Error);
}
