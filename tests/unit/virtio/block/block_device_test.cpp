// SPDX-License-Identifier: Apache-2.0

#include "virtio/block/block_device.h"

#include <faasnap/error.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include <cstring>

#include "virtio/block/block_rig.h"

namespace faasnap::virtio::test {
namespace {}  // namespace

TEST_CASE("The disk is read-only, of the image's size, with 512-byte blocks") {
  BlockRig rig;
  CHECK((rig.driver.device_features() & 0xffffff) ==
        ((1 << 1) | (1 << 2) | (1 << 5) | (1 << 6) | (1 << 9)));
  std::uint64_t capacity = 0;
  std::memcpy(&capacity, rig.driver.read_config(0, 8).data(), 8);
  CHECK(capacity == kSectors);
  std::uint32_t segments = 0;
  std::memcpy(&segments, rig.driver.read_config(12, 4).data(), 4);
  CHECK(segments == 126);
  std::uint32_t block = 0;
  std::memcpy(&block, rig.driver.read_config(20, 4).data(), 4);
  CHECK(block == 512);
}

TEST_CASE("An image of part of a sector is refused") {
  World world;
  const Image image(1000);
  try {
    BlockDevice device(world.loop, DiskContent::of_image(image.open(), "odd.img"), "",
                       world.limits);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK(error.path() == "odd.img");
  }
}

TEST_CASE("A read brings the image's bytes") {
  BlockRig rig;
  rig.driver.start();
  const Buffer buffer = rig.data(4096);
  CHECK(rig.run(kRead, 3, {buffer}) == Result{0, 4097});
  CHECK(rig.holds(buffer, 3 * 512));
}

TEST_CASE("A read scatters over several buffers, odd ones included") {
  BlockRig rig;
  rig.driver.start();
  const Buffer first = rig.data(512);
  const Buffer second = rig.data(100);
  const Buffer third = rig.data(924);
  CHECK(rig.run(kRead, 0, {first, second, third}) == Result{0, 1537});
  CHECK(rig.holds(first, 0));
  CHECK(rig.holds(second, 512));
  CHECK(rig.holds(third, 612));
}

TEST_CASE("Header, data and status may be split and joined in any way") {
  BlockRig rig;
  rig.driver.start();
  const Buffer header = rig.header(kRead, 1);
  const Buffer data_and_status = rig.data(512 + 1);
  rig.driver.queues[0].add(
      {{header.address, 5, false}, {{header.address.value + 5}, 11, false}, data_and_status});
  rig.driver.kick(0);
  CHECK(rig.driver.wait_used(0).length == 513);
  CHECK(rig.holds({data_and_status.address, 512, true}, 512));
  CHECK(rig.bytes_at(data_and_status)[512] == std::byte{0});
}

TEST_CASE("A read through an indirect table") {
  BlockRig rig;
  rig.driver.start();
  std::vector<Buffer> buffers{rig.header(kRead, 0)};
  for (unsigned i = 0; i < 100; ++i) {
    buffers.push_back(rig.data(512));
  }
  buffers.push_back(rig.status_byte());
  rig.driver.queues[0].add_indirect(buffers);
  rig.driver.kick(0);
  CHECK(rig.driver.wait_used(0).length == 100 * 512 + 1);
  CHECK(rig.status_at(buffers.back()) == 0);
  for (unsigned i = 0; i < 100; ++i) {
    CHECK(rig.holds(buffers[1 + i], i * 512));
  }
}

TEST_CASE("As many requests as the queue holds are in flight together, with the right answers") {
  BlockRig rig;
  rig.driver.start();
  const auto count = static_cast<unsigned>(rig.driver.queues[0].room());
  CHECK(count == 128);
  std::vector<std::vector<Buffer>> requests(count);
  for (unsigned round = 0; round < 10; ++round) {
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t sector = (i * 37 + round) % (kSectors - 8);
      requests[i] = {rig.header(kRead, sector), rig.data(4096), rig.status_byte()};
      rig.driver.queues[0].add_indirect(requests[i]);
    }
    rig.driver.kick(0);
    for (unsigned i = 0; i < count; ++i) {
      CHECK(rig.driver.wait_used(0).length == 4097);
    }
    for (unsigned i = 0; i < count; ++i) {
      CHECK(rig.status_at(requests[i].back()) == 0);
      CHECK(rig.holds(requests[i][1], ((i * 37 + round) % (kSectors - 8)) * 512));
    }
  }
}

TEST_CASE("Without indirect descriptors and event index the disk works too") {
  BlockRig rig;
  rig.driver.start(0, 16);
  for (unsigned i = 0; i < 50; ++i) {
    const Buffer buffer = rig.data(512);
    CHECK(rig.run(kRead, i, {buffer}) == Result{0, 513});
    CHECK(rig.holds(buffer, i * 512));
  }
  CHECK(rig.driver.interrupt.count >= 1);
}

TEST_CASE("The last sector can be read, and what lies beyond it cannot") {
  BlockRig rig;
  rig.driver.start();
  const Buffer last = rig.data(512);
  CHECK(rig.run(kRead, kSectors - 1, {last}) == Result{0, 513});
  CHECK(rig.holds(last, kImageSize - 512));
  CHECK(rig.run(kRead, kSectors, {rig.data(512)}) == Result{1, 1});
  CHECK(rig.run(kRead, kSectors - 1, {rig.data(1024)}) == Result{1, 1});
  CHECK(rig.run(kRead, ~0ULL, {rig.data(512)}) == Result{1, 1});
  CHECK(rig.run(kRead, ~0ULL / 512, {rig.data(512)}) == Result{1, 1});
}

TEST_CASE("A read of part of a sector is an I/O error") {
  BlockRig rig;
  rig.driver.start();
  CHECK(rig.run(kRead, 0, {rig.data(511)}) == Result{1, 1});
}

TEST_CASE("A read of nothing succeeds") {
  BlockRig rig;
  rig.driver.start();
  CHECK(rig.run(kRead, 0, {}) == Result{0, 1});
}

TEST_CASE("A write is an I/O error and leaves the image alone") {
  BlockRig rig;
  rig.driver.start();
  CHECK(rig.run(kWriteOut, 0, {rig.data(512, false)}) == Result{1, 1});
  std::array<std::byte, 512> now;
  REQUIRE(::pread(rig.image.file.get(), now.data(), now.size(), 0) == 512);
  CHECK(std::equal(now.begin(), now.end(), rig.image.content.begin()));
}

TEST_CASE("A flush succeeds") {
  BlockRig rig;
  rig.driver.start();
  CHECK(rig.run(kFlush, 0, {}) == Result{0, 1});
}

TEST_CASE("The serial number fills twenty bytes") {
  BlockRig rig;
  rig.driver.start();
  const Buffer id = rig.data(20);
  CHECK(rig.run(kGetId, 0, {id}) == Result{0, 21});
  CHECK(text_of(rig.bytes_at(id)) == std::string("serial-0123").append(9, '\0'));
  const Buffer small = rig.data(6);
  CHECK(rig.run(kGetId, 0, {small}) == Result{0, 7});
  CHECK(text_of(rig.bytes_at(small)) == "serial");
}

TEST_CASE("An operation that does not exist is unsupported") {
  BlockRig rig;
  rig.driver.start();
  CHECK(rig.run(kDiscard, 0, {}).first == 2);
  CHECK(rig.run(0xffffffff, 0, {}).first == 2);
}

TEST_CASE("An image that has become shorter gives an I/O error, not an endless wait") {
  BlockRig rig;
  rig.driver.start();
  REQUIRE(::ftruncate(rig.image.file.get(), kImageSize / 2) == 0);
  CHECK(rig.run(kRead, kSectors - 8, {rig.data(4096)}).first == 1);
  CHECK(rig.run(kRead, kSectors / 2 - 4, {rig.data(4096)}).first == 1);
  CHECK(rig.run(kRead, 0, {rig.data(4096)}).first == 0);
}

}  // namespace faasnap::virtio::test
