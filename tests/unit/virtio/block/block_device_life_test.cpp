// SPDX-License-Identifier: Apache-2.0

// Faults, reset, drain, save, restore.
#include "virtio/block/block_device.h"

#include <faasnap/error.h>

#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "support/forbidden_calls.h"
#include "virtio/block/block_rig.h"

namespace faasnap::virtio::test {
namespace {

// Writes what `bytes` bytes of reads of a stalled disk wait for.
void feed(const base::UniqueFd& disk, std::size_t bytes) {
  const std::vector<std::byte> data(bytes);
  REQUIRE(::write(disk.get(), data.data(), data.size()) == static_cast<ssize_t>(bytes));
}

}  // namespace

TEST_CASE("A request without a whole header stops the device") {
  BlockRig rig;
  rig.driver.start();
  rig.driver.queues[0].add({{rig.driver.allocator.take(15), 15, false}, rig.status_byte()});
  rig.driver.kick(0);
  CHECK(rig.needs_reset());
  CHECK(rig.world.logged("header of 15 bytes"));
}

TEST_CASE("A request without a status byte stops the device") {
  BlockRig rig;
  rig.driver.start();
  rig.driver.queues[0].add({rig.header(kRead, 0)});
  rig.driver.kick(0);
  CHECK(rig.needs_reset());
  CHECK(rig.world.logged("without room for the status"));
}

TEST_CASE("A hostile chain behind honest ones stops the device and spares the honest ones") {
  BlockRig rig;
  rig.driver.start();
  std::vector<Buffer> good{rig.header(kRead, 0), rig.data(4096), rig.status_byte()};
  rig.driver.queues[0].add(good);
  rig.driver.queues[0].add({rig.header(kRead, 0), {{~0ULL - 100}, 4096, true}});
  rig.driver.kick(0);
  CHECK(rig.driver.wait_used(0).length == 4097);
  CHECK(rig.holds(good[1], 0));
  CHECK(rig.needs_reset());
}

TEST_CASE("A reset waits for reads in flight, and the disk works afterwards") {
  BlockRig rig;
  for (unsigned round = 0; round < 20; ++round) {
    rig.driver.start();
    for (unsigned i = 0; i < 32; ++i) {
      rig.driver.queues[0].add_indirect(
          std::vector<Buffer>{rig.header(kRead, i), rig.data(64 << 10), rig.status_byte()});
    }
    rig.driver.kick(0);
    rig.driver.write32(kStatus, 0);
  }
  rig.driver.start();
  const Buffer buffer = rig.data(512);
  CHECK(rig.run(kRead, 5, {buffer}) == Result{0, 513});
  CHECK(rig.holds(buffer, 5 * 512));
}

TEST_CASE("Drain completes what is in flight and leaves the rest in the queue") {
  BlockRig rig;
  rig.driver.start();
  FakeQueue& queue = rig.driver.queues[0];
  for (unsigned i = 0; i < 32; ++i) {
    queue.add_indirect(
        std::vector<Buffer>{rig.header(kRead, i), rig.data(16 << 10), rig.status_byte()});
  }
  rig.driver.kick(0);
  rig.driver.drain();
  const std::uint16_t completed = queue.used_index();
  queue.add({rig.header(kRead, 0), rig.data(512), rig.status_byte()});
  rig.driver.kick(0);
  rig.driver.on_loop([] {});
  CHECK(queue.used_index() == completed);
  rig.driver.resume();
  CHECK(wait_until([&] { return queue.used_index() == 33; }));
}

TEST_CASE("Drain waits for the reads of a slow disk") {
  BlockRig rig;
  rig.driver.start();
  const base::UniqueFd disk = rig.stall();
  rig.offer_reads(4, 512);
  std::atomic<std::uint16_t> used_after_drain = 0xffff;
  std::thread caller([&] {
    rig.driver.drain();
    used_after_drain = rig.driver.queues[0].used_index();
  });
  // Long enough for a drain that does not wait.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(used_after_drain == 0xffff);
  feed(disk, 4 * 512);
  caller.join();
  CHECK(used_after_drain == 4);
}

TEST_CASE("A reset ends the reads of a disk that does not answer") {
  BlockRig rig;
  rig.driver.start();
  const base::UniqueFd disk = rig.stall();
  rig.offer_reads(100, 512);
  rig.driver.write32(kStatus, 0);  // returns
  CHECK(rig.driver.queues[0].used_index() == 0);
}

TEST_CASE("A guest whose reads cannot be waited for at a reset does not go on") {
  BlockRig rig;
  rig.driver.start();
  const base::UniqueFd disk = rig.stall();
  rig.offer_reads(4, 512);
  CHECK(rig.world.failures() == 0);
  rig.driver.on_loop(
      [] { REQUIRE(faasnap::test::forbid(faasnap::test::failing({SYS_io_uring_enter}, EPERM))); });
  rig.driver.write32(kStatus, 0);
  rig.expected_failures = 1;
  CHECK(wait_until([&] { return rig.world.failures() == 1; }));
}

bool is_asleep(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string number;
  std::string name;
  std::string state;
  file >> number >> name >> state;
  return state == "S";
}

TEST_CASE("No more than the limit is read at a time, and the rest follows") {
  const DiskLimits limits = GENERATE(DiskLimits{}, DiskLimits{.reading = 2_MiB});
  BlockRig rig(32 << 20, limits);
  rig.driver.start();
  constexpr std::uint32_t kLength = 1 << 20;
  const auto at_once = static_cast<unsigned>(limits.reading.value / kLength);
  const base::UniqueFd disk = rig.stall();
  base::set_non_blocking(disk);
  rig.offer_reads(2 * at_once, kLength);
  CHECK(rig.world.limits.delayed_reads == 1);  // the others are not seen yet
  // Drain waits for what the device has taken, and for nothing else.
  std::atomic<bool> drained = false;
  std::atomic<pid_t> waiter = 0;
  std::thread caller([&] {
    waiter = ::gettid();
    rig.driver.drain();
    drained = true;
  });
  // The device takes no more once the drain waits, and before that it has no data.
  REQUIRE(wait_until([&] { return waiter != 0 && is_asleep(waiter); }));
  const std::vector<std::byte> piece(64 << 10);
  while (!drained) {
    if (::write(disk.get(), piece.data(), piece.size()) < 0) {
      std::this_thread::yield();
    }
  }
  caller.join();
  CHECK(rig.driver.queues[0].used_index() <= at_once);
  REQUIRE(::dup2(rig.image.file.get(), rig.disk) == rig.disk);
  rig.driver.resume();
  CHECK(wait_until([&] { return rig.driver.queues[0].used_index() == 2 * at_once; }));
}

TEST_CASE("A request beyond what may be read at a time is read alone") {
  constexpr std::uint32_t kLength = 256 << 10;
  BlockRig rig(kImageSize, {.reading = 64_KiB});
  rig.driver.start();
  const Buffer buffer = rig.data(kLength);
  CHECK(rig.run(kRead, 0, {buffer}) == Result{0, kLength + 1});
  CHECK(rig.holds(buffer, 0));
  rig.offer_reads(8, kLength / 2);
  CHECK(wait_until([&] { return rig.driver.queues[0].used_index() == 9; }));
}

TEST_CASE("A request beyond the limit is answered with an error, and touches no memory") {
  BlockRig rig(2 * BlockDevice::kMaximumRequest);
  rig.driver.start();
  const Buffer large = rig.data(BlockDevice::kMaximumRequest + 512);
  CHECK(rig.run(kRead, 0, {large}) == Result{1, 1});
  const Buffer largest = rig.data(BlockDevice::kMaximumRequest);
  CHECK(rig.run(kRead, 0, {largest}) == Result{0, BlockDevice::kMaximumRequest + 1});
  CHECK(rig.holds(largest, 0));
}

TEST_CASE("A driver can keep below the limit") {
  BlockRig rig;
  const auto config = rig.driver.read_config(8, 8);
  std::uint32_t size_maximum = 0;
  std::uint32_t segment_maximum = 0;
  std::memcpy(&size_maximum, config.data(), 4);
  std::memcpy(&segment_maximum, config.data() + 4, 4);
  CHECK((rig.driver.device_features() & 6) == 6);  // VIRTIO_BLK_F_SIZE_MAX, SEG_MAX
  CHECK(std::uint64_t{size_maximum} * segment_maximum <= BlockDevice::kMaximumRequest);
}

TEST_CASE("A restored disk serves the requests that the saved one had not taken") {
  BlockRig saved;
  saved.driver.start();
  CHECK(saved.run(kRead, 0, {saved.data(512)}).first == 0);
  saved.driver.drain();
  const Buffer buffer = saved.data(512);
  saved.driver.queues[0].add({saved.header(kRead, 9), buffer, saved.status_byte()});
  const auto state = saved.driver.save();

  BlockRig clone;
  std::copy(saved.world.memory.host().begin(), saved.world.memory.host().begin() + (8 << 20),
            clone.world.memory.host().begin());
  clone.driver.restore(state);
  clone.driver.resume();
  const FakeQueue queue =
      saved.driver.queues[0].moved_to(clone.world.memory, clone.driver.allocator);
  CHECK(wait_until([&] { return queue.used_index() == 2; }));
  CHECK(clone.holds(buffer, 9 * 512));
}

TEST_CASE("A disk is not restored with an image of another size") {
  BlockRig saved;
  saved.driver.start();
  saved.driver.drain();
  const auto state = saved.driver.save();
  BlockRig other(kImageSize / 2);
  try {
    other.driver.restore(state);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::corrupt);
    CHECK(std::string(error.what()).find("2048 sectors") != std::string::npos);
  }
  CHECK_FALSE(other.driver.transport->active());
}

}  // namespace faasnap::virtio::test
