// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <catch2/catch_test_macros.hpp>

#include <string>

#include "virtio/fake_queue.h"
#include "virtio/queue.h"

namespace faasnap::virtio::test {

// Size of the queue, unless the test says otherwise.
inline constexpr std::uint16_t kSize = 8;
inline constexpr std::uint64_t kMemorySize = 128ULL << 20;

class RecordingOwner final : public QueueOwner {
 public:
  void on_used_buffers() noexcept override { ++interrupts; }
  void on_fault(const std::string& reason) noexcept override {
    ++faults;
    last_fault = reason;
  }
  unsigned interrupts = 0;
  unsigned faults = 0;
  std::string last_fault;
};

// A queue between an honest or hostile driver and no particular device.
struct QueueRig {
  explicit QueueRig(bool event_index = true, std::uint16_t size = kSize)
      : driver(memory, allocator, size),
        queue(memory, driver.layout(), event_index, 0, owner),
        area(allocator.take(1 << 20)) {
    driver.event_index = event_index;
  }

  Buffer readable(std::uint64_t offset, std::uint32_t length) const {
    return {{area.value + offset}, length, false};
  }
  Buffer writable(std::uint64_t offset, std::uint32_t length) const {
    return {{area.value + offset}, length, true};
  }
  // Offers one descriptor unchanged.
  void offer(const Descriptor& descriptor) {
    driver.write_descriptor(0, descriptor);
    driver.offer(0);
  }
  // Checks that the next chain is a fault whose reason has `text`, and that the queue yields
  // nothing afterwards.
  void expect_fault(const std::string& text) {
    CHECK_FALSE(queue.pop(chain));
    CHECK(owner.faults == 1);
    INFO(owner.last_fault);
    CHECK(owner.last_fault.find(text) != std::string::npos);
    CHECK_FALSE(queue.pop(chain));
    CHECK(queue.available() == 0);
    CHECK_FALSE(queue.enable_notifications());
    CHECK(owner.faults == 1);
  }

  memory::GuestMemory memory{Bytes{kMemorySize}};
  Allocator allocator{GuestAddress{1 << 20}};
  RecordingOwner owner;
  FakeQueue driver;
  Queue queue;
  GuestAddress area;
  DescriptorChain chain;
};

}  // namespace faasnap::virtio::test
