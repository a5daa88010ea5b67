// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "base/files/fd.h"
#include "uring/ring.h"
#include "virtio/block/block_device.h"
#include "virtio/fake_driver.h"

namespace faasnap::virtio::test {

// Request types.
inline constexpr std::uint32_t kRead = 0;
inline constexpr std::uint32_t kWriteOut = 1;
inline constexpr std::uint32_t kFlush = 4;
inline constexpr std::uint32_t kGetId = 8;
inline constexpr std::uint32_t kDiscard = 11;
inline constexpr std::uint32_t kWriteZeroes = 13;

inline constexpr std::size_t kImageSize = 1 << 20;
inline constexpr std::uint64_t kSectors = kImageSize / 512;

// An image in memory, and a second descriptor of it that the test keeps.
struct Image {
  explicit Image(std::size_t size = kImageSize)
      : content(pattern(size)), file(::memfd_create("image", MFD_CLOEXEC)) {
    REQUIRE(::write(file.get(), content.data(), content.size()) ==
            static_cast<ssize_t>(content.size()));
  }
  base::UniqueFd open() const { return base::UniqueFd(::dup(file.get())); }

  std::vector<std::byte> content;
  base::UniqueFd file;
};

// A disk, its image and its driver.
struct BlockRig {
  explicit BlockRig(std::size_t image_size = kImageSize, const DiskLimits& limits = {})
      : world({.disk = limits}),
        image(image_size),
        opened(image.open()),
        disk(opened.get()),
        driver(world, std::make_unique<BlockDevice>(
                          world.loop, DiskContent::of_image(std::move(opened), "image"),
                          "serial-0123", world.limits)) {}
  ~BlockRig() { CHECK(world.failures() == expected_failures); }

  Buffer header(std::uint32_t operation, std::uint64_t sector) {
    const Buffer buffer{driver.allocator.take(16), 16, false};
    world.memory.write_value(buffer.address, operation);
    world.memory.write_value({buffer.address.value + 4}, std::uint32_t{0});
    world.memory.write_value({buffer.address.value + 8}, sector);
    return buffer;
  }
  Buffer data(std::uint32_t length, bool writable = true) {
    return {driver.allocator.take(length, 512), length, writable};
  }
  Buffer status_byte() {
    const Buffer buffer{driver.allocator.take(1), 1, true};
    world.memory.write_value(buffer.address, std::uint8_t{0xaa});
    return buffer;
  }
  std::uint8_t status_at(const Buffer& buffer) {
    return world.memory.read_value<std::uint8_t>(buffer.address).value();
  }
  std::span<const std::byte> bytes_at(const Buffer& buffer) {
    return world.memory.view(buffer.address, buffer.length).value();
  }
  bool holds(const Buffer& buffer, std::uint64_t offset) {
    const auto bytes = bytes_at(buffer);
    return std::equal(bytes.begin(), bytes.end(),
                      image.content.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  // Runs one request to its end. Returns the status, and the size that the used ring reports.
  std::pair<std::uint8_t, std::uint32_t> run(std::uint32_t operation, std::uint64_t sector,
                                             std::vector<Buffer> buffers) {
    buffers.insert(buffers.begin(), header(operation, sector));
    buffers.push_back(status_byte());
    driver.queues[0].add(buffers);
    driver.kick(0);
    const Used used = driver.wait_used(0);
    return {status_at(buffers.back()), used.length};
  }
  bool needs_reset() {
    return wait_until([this] { return (driver.status() & kNeedsReset) != 0; });
  }

  // Makes the disk so slow that its reads wait until the test writes to the pipe that is returned.
  // Needs io_uring, whose reads of a pipe can be cancelled.
  base::UniqueFd stall() {
    if (const auto availability = uring::available(); !availability) {
      SKIP("io_uring is not available: " << availability.reason);
    }
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const base::UniqueFd source(ends[0]);
    REQUIRE(::dup2(source.get(), disk) == disk);
    return base::UniqueFd(ends[1]);
  }
  // Offers `count` reads of `length` bytes each.
  void offer_reads(unsigned count, std::uint32_t length) {
    for (unsigned i = 0; i < count; ++i) {
      driver.queues[0].add_indirect(
          std::vector<Buffer>{header(kRead, i), data(length), status_byte()});
    }
    // The device has worked on them when this returns; several times, since each has only a slice
    // of time.
    for (int i = 0; i < 8; ++i) {
      driver.write32(kMmioQueueNotify, 0);
    }
  }

  World world;
  Image image;
  base::UniqueFd opened;
  int disk;  // the device's own descriptor of the image
  FakeDriver driver;
  std::size_t expected_failures = 0;
};

using Result = std::pair<std::uint8_t, std::uint32_t>;

}  // namespace faasnap::virtio::test
