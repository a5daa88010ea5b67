// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/units.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <memory>
#include <numeric>
#include <string_view>
#include <thread>
#include <vector>

#include "virtio/balloon/balloon_device.h"
#include "virtio/fake_driver.h"

namespace faasnap::virtio::test {

inline constexpr std::size_t kInflateQueue = 0;
inline constexpr std::size_t kDeflateQueue = 1;
// Index of the reporting queue in Linux, and in the specification.
inline constexpr std::size_t kLinuxReportingQueue = 2;
inline constexpr std::size_t kReportingQueue = 4;
inline constexpr std::uint32_t kPage = 4096;

class RecordingReleaser final : public PageReleaser {
 public:
  void release(PageRange pages) noexcept override {
    std::this_thread::sleep_for(delay);
    released.push_back(pages);
  }
  std::uint64_t pages() const {
    return std::accumulate(
        released.begin(), released.end(), std::uint64_t{0},
        [](std::uint64_t sum, const PageRange& range) { return sum + range.count; });
  }
  std::vector<PageRange> released;
  std::chrono::nanoseconds delay{0};
};

struct BalloonRig {
  explicit BalloonRig(const GuestLimits& limits = {})
      : world(limits),
        driver(world,
               std::make_unique<BalloonDevice>(world.loop, world.memory, releaser, world.limits)) {}
  ~BalloonRig() { CHECK(world.failures() == 0); }

  static Buffer pages(std::uint64_t first, std::uint32_t count) {
    return {{first * kPage}, count * kPage, true};
  }
  Buffer numbers(const std::vector<std::uint32_t>& values) {
    const auto length = static_cast<std::uint32_t>(values.size() * sizeof(values[0]));
    const Buffer buffer{driver.allocator.take(length), length, false};
    world.memory.write(buffer.address, std::as_bytes(std::span(values)));
    return buffer;
  }
  // Sends one chain and waits until it is returned.
  void send(std::size_t queue, std::vector<Buffer> buffers) {
    driver.queues[queue].add(buffers);
    driver.kick(queue);
    CHECK(driver.wait_used(queue).length == 0);
  }
  std::vector<PageRange> released() {
    std::vector<PageRange> pages;
    driver.on_loop([&] { pages = releaser.released; });
    return pages;
  }
  // Checks that the chain makes the device ask for a reset and log `reason`, and releases nothing.
  void expect_fault(std::size_t queue, std::vector<Buffer> buffers, std::string_view reason) {
    driver.queues[queue].add(buffers);
    expect_fault(reason);
  }
  void expect_fault(std::string_view reason) {
    driver.transport->notifier().signal();
    CHECK(wait_until([this] { return (driver.status() & kNeedsReset) != 0; }));
    CHECK(world.logged(reason));
    CHECK(released().empty());
  }

  World world;
  RecordingReleaser releaser;
  FakeDriver driver;
};

using Ranges = std::vector<PageRange>;

inline PageRange range(std::uint64_t first, std::uint64_t count) {
  return {PageIndex{first}, count};
}

}  // namespace faasnap::virtio::test
