// SPDX-License-Identifier: Apache-2.0

// Disks that can be written: in one file, and in a private file upon a shared one.
#include "virtio/block/block_device.h"

#include <faasnap/error.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "base/clock.h"
#include "virtio/block/block_rig.h"

namespace faasnap::virtio::test {
namespace {

enum class Kind { one_file, private_upon_shared };

DiskContent writable(Kind kind, const Image& image, const base::UniqueFd& own) {
  if (kind == Kind::one_file) {
    return DiskContent({.file = {.fd = image.open(), .path = "disk"},
                        .size = {image.content.size()},
                        .read_only = false,
                        .durable = true});
  }
  return DiskContent({.file = {.fd = base::UniqueFd(::dup(own.get())), .path = "own"},
                      .below = {.fd = image.open(), .path = "shared"},
                      .size = {image.content.size()},
                      .read_only = false});
}

// A file that is one hole.
base::UniqueFd empty_file() {
  base::UniqueFd file(::memfd_create("own", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), kImageSize) == 0);
  return file;
}

// A disk that can be written, and what it must hold.
struct WritableRig {
  explicit WritableRig(Kind kind, const DiskLimits& limits = {})
      : world({.disk = limits}),
        own(empty_file()),
        expected(image.content),
        device(std::make_unique<BlockDevice>(world.loop, writable(kind, image, own), "serial",
                                             world.limits)),
        disk(device.get()),
        driver(world, std::move(device)) {
    driver.start();
  }
  ~WritableRig() { CHECK(world.failures() == 0); }

  Buffer header(std::uint32_t operation, std::uint64_t sector) {
    const Buffer buffer{driver.allocator.take(16), 16, false};
    world.memory.write_value(buffer.address, operation);
    world.memory.write_value({buffer.address.value + 8}, sector);
    return buffer;
  }
  std::uint8_t run(std::uint32_t operation, std::uint64_t sector, std::vector<Buffer> buffers) {
    buffers.insert(buffers.begin(), header(operation, sector));
    buffers.push_back({driver.allocator.take(1), 1, true});
    driver.queues[0].add(buffers);
    driver.kick(0);
    driver.wait_used(0);
    return world.memory.read_value<std::uint8_t>(buffers.back().address).value();
  }
  std::uint8_t write(std::uint64_t sector, const std::vector<std::byte>& bytes) {
    const Buffer buffer{driver.allocator.take(bytes.size(), 512),
                        static_cast<std::uint32_t>(bytes.size()), false};
    std::ranges::copy(
        bytes, world.memory.host().begin() + static_cast<std::ptrdiff_t>(buffer.address.value));
    const std::uint8_t status = run(kWriteOut, sector, {buffer});
    if (status == 0) {
      std::ranges::copy(bytes, expected.begin() + static_cast<std::ptrdiff_t>(sector * 512));
    }
    return status;
  }
  std::uint8_t give_up(std::uint32_t operation, std::uint64_t sector, std::uint32_t sectors,
                       std::uint32_t flags = 0) {
    const Buffer extent{driver.allocator.take(16), 16, false};
    world.memory.write_value(extent.address, sector);
    world.memory.write_value({extent.address.value + 8}, sectors);
    world.memory.write_value({extent.address.value + 12}, flags);
    const std::uint8_t status = run(operation, 0, {extent});
    if (status == 0) {
      std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(sector * 512), sectors * 512,
                  std::byte{0});
    }
    return status;
  }
  // Reads all of the disk as the guest does, and compares.
  bool holds_expected() {
    const Buffer all{driver.allocator.take(kImageSize, 512), kImageSize, true};
    return run(kRead, 0, {all}) == 0 &&
           std::ranges::equal(world.memory.view(all.address, all.length).value(), expected);
  }
  bool image_is_untouched() const {
    std::vector<std::byte> now(kImageSize);
    return ::pread(image.file.get(), now.data(), now.size(), 0) ==
               static_cast<ssize_t>(now.size()) &&
           now == image.content;
  }

  World world;
  Image image;
  base::UniqueFd own;
  std::vector<std::byte> expected;
  std::unique_ptr<BlockDevice> device;
  BlockDevice* disk;
  FakeDriver driver;
};

}  // namespace

TEST_CASE("A disk that can be written says so, and offers flush, discard and zeros") {
  WritableRig rig(GENERATE(Kind::one_file, Kind::private_upon_shared));
  CHECK((rig.driver.device_features() & 0xffffff) ==
        ((1 << 1) | (1 << 2) | (1 << 6) | (1 << 9) | (1 << 13) | (1 << 14)));
  std::array<std::uint32_t, 5> limits;
  std::memcpy(limits.data(), rig.driver.read_config(36, 20).data(), 20);
  CHECK(limits == std::array<std::uint32_t, 5>{256 << 10, 1, 8, 256 << 10, 1});
}

TEST_CASE("What is written is read again, around it is what was there before") {
  const Kind kind = GENERATE(Kind::one_file, Kind::private_upon_shared);
  WritableRig rig(kind);
  CHECK(rig.write(3, pattern(512, 7)) == 0);             // a sector inside a page
  CHECK(rig.write(100, pattern(5 * 512, 8)) == 0);       // beyond a page
  CHECK(rig.write(kSectors - 1, pattern(512, 9)) == 0);  // the last one
  CHECK(rig.write(102, pattern(512, 10)) == 0);          // again
  CHECK(rig.holds_expected());
  CHECK(rig.image_is_untouched() == (kind == Kind::private_upon_shared));
}

TEST_CASE("A write that the disk does not have room for is an I/O error, and changes nothing") {
  WritableRig rig(GENERATE(Kind::one_file, Kind::private_upon_shared));
  CHECK(rig.write(kSectors, pattern(512)) == 1);
  CHECK(rig.write(kSectors - 1, pattern(1024)) == 1);
  CHECK(rig.write(~0ULL, pattern(512)) == 1);
  CHECK(rig.write(0, pattern(511)) == 1);
  CHECK(rig.holds_expected());
  CHECK(rig.disk->stats().failed == 4);
  CHECK(rig.disk->stats().writes == 0);
}

TEST_CASE("Sectors that are given up or zeroed read as zeros, whatever is below") {
  const Kind kind = GENERATE(Kind::one_file, Kind::private_upon_shared);
  WritableRig rig(kind);
  CHECK(rig.write(40, pattern(16 * 512, 5)) == 0);
  CHECK(rig.give_up(kDiscard, 48, 64) == 0);
  CHECK(rig.give_up(kWriteZeroes, 200, 3) == 0);
  CHECK(rig.give_up(kWriteZeroes, 301, 8, 1) == 0);  // may unmap
  CHECK(rig.holds_expected());
  CHECK(rig.write(50, pattern(512, 6)) == 0);
  CHECK(rig.holds_expected());
  CHECK(rig.image_is_untouched() == (kind == Kind::private_upon_shared));
  CHECK(rig.disk->stats().discards == 3);
}

TEST_CASE("A discard gives space back to the host") {
  WritableRig rig(Kind::private_upon_shared);
  const auto blocks = [&] {
    struct stat status {};
    REQUIRE(::fstat(rig.own.get(), &status) == 0);
    return status.st_blocks;
  };
  CHECK(blocks() == 0);  // a clone has nothing of its own at first
  CHECK(rig.write(0, pattern(512 << 10)) == 0);
  CHECK(blocks() >= 1024);
  CHECK(rig.give_up(kDiscard, 0, 1024) == 0);
  CHECK(blocks() == 0);
}

TEST_CASE("A discard that the disk cannot mean is refused") {
  WritableRig rig(Kind::private_upon_shared);
  CHECK(rig.give_up(kDiscard, kSectors, 1) == 1);
  CHECK(rig.give_up(kDiscard, 0, kSectors + 1) == 1);
  CHECK(rig.give_up(kDiscard, ~0ULL, 2) == 1);
  CHECK(rig.give_up(kDiscard, 0, ~0U) == 1);
  CHECK(rig.give_up(kDiscard, 0, 1, 1) == 2);      // the flag is of zeros alone
  CHECK(rig.give_up(kWriteZeroes, 0, 1, 2) == 2);  // unknown flag
  CHECK(rig.run(kDiscard, 0, {}) == 2);            // no extent
  const Buffer two{rig.driver.allocator.take(32), 32, false};
  CHECK(rig.run(kDiscard, 0, {two}) == 2);
  CHECK(rig.holds_expected());
}

TEST_CASE("A flush succeeds, and a host's full file system is the guest's error alone") {
  WritableRig rig(Kind::private_upon_shared);
  CHECK(rig.run(kFlush, 0, {}) == 0);
  const base::UniqueFd full(::open("/dev/full", O_RDWR | O_CLOEXEC));
  REQUIRE(full);
  const base::UniqueFd kept(::dup(rig.own.get()));
  // The device's own descriptor now leads to a disk that is always full.
  REQUIRE(::dup2(full.get(), rig.disk->content().file().get()) >= 0);
  CHECK(rig.write(8, pattern(4096, 3)) == 1);
  CHECK(rig.disk->stats().failed == 1);
  REQUIRE(::dup2(kept.get(), rig.disk->content().file().get()) >= 0);
  CHECK(rig.holds_expected());
  CHECK(rig.write(8, pattern(4096, 3)) == 0);
  CHECK(rig.holds_expected());
}

TEST_CASE("Clones upon one file see their own writes only") {
  const Image image;
  World world;
  const base::UniqueFd first = empty_file();
  const base::UniqueFd second = empty_file();
  DiskContent a = writable(Kind::private_upon_shared, image, first);
  const DiskContent b = writable(Kind::private_upon_shared, image, second);
  const auto bytes = pattern(4096, 11);
  REQUIRE(::pwrite(a.file().get(), bytes.data(), 512, 512) == 512);
  a.set_written(1, 1);
  std::vector<std::byte> seen(4096);
  a.read(0, seen);
  CHECK(std::equal(seen.begin() + 512, seen.begin() + 1024, bytes.begin()));
  CHECK(std::equal(seen.begin(), seen.begin() + 512, image.content.begin()));
  CHECK(std::equal(seen.begin() + 1024, seen.end(), image.content.begin() + 1024));
  b.read(0, seen);
  CHECK(std::equal(seen.begin(), seen.end(), image.content.begin()));
}

TEST_CASE("The pages with data are those of both files, and the end of the disk is padded") {
  const base::UniqueFd shared = empty_file();
  const base::UniqueFd own = empty_file();
  constexpr std::uint64_t kBegin = 2 * kPageSize;
  constexpr std::uint64_t kDiskSize = 9 * kPageSize + 512;
  REQUIRE(::ftruncate(shared.get(), kBegin + kDiskSize + kPageSize) == 0);
  const std::array<std::byte, 1> byte{std::byte{0x5a}};
  REQUIRE(::pwrite(shared.get(), byte.data(), 1, kBegin - 1) == 1);  // before the disk
  REQUIRE(::pwrite(shared.get(), byte.data(), 1, kBegin + 3 * kPageSize) == 1);
  REQUIRE(::pwrite(shared.get(), byte.data(), 1, kBegin + kDiskSize + 3000) == 1);  // behind it
  REQUIRE(::ftruncate(own.get(), kDiskSize) == 0);
  DiskContent content({.file = {.fd = base::UniqueFd(::dup(own.get()))},
                       .below = {.fd = base::UniqueFd(::dup(shared.get())), .begin = kBegin},
                       .size = {kDiskSize},
                       .read_only = false});
  REQUIRE(::pwrite(own.get(), byte.data(), 1, 4 * kPageSize) == 1);
  content.set_written(4 * 8, 1);
  CHECK(content.data_pages() == std::vector<PageRange>{{PageIndex{3}, 2}, {PageIndex{9}, 1}});
  std::vector<std::byte> last(kPageSize, std::byte{0xff});
  content.read(9 * kPageSize, last);
  CHECK(std::ranges::all_of(last, [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("A disk beyond its rate waits, and the guest gets everything in the end") {
  const bool bytes = GENERATE(true, false);
  DiskLimits limits;
  if (bytes) {
    limits.rate.bytes_per_second = 1_MiB;
    limits.rate.byte_burst = 64_KiB;
  } else {
    limits.rate.requests_per_second = 16;
    limits.rate.request_burst = 1;
  }
  WritableRig rig(Kind::one_file, limits);
  const Nanoseconds begun = base::monotonic_now();
  for (unsigned i = 0; i < 5; ++i) {
    REQUIRE(rig.write(i * 128, pattern(64 << 10, i)) == 0);
  }
  // 5 * 64 KiB less the burst at 1 MiB a second, or 5 requests less the burst at 16 a second: less
  // one request that passes on credit.
  CHECK(base::monotonic_now() - begun >= std::chrono::milliseconds(180));
  CHECK(rig.world.limits.disk_waits >= 3);
}

}  // namespace faasnap::virtio::test
