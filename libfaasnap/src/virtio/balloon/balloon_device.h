// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <faasnap/units.h>

#include "base/threads/event_loop.h"
#include "memory/guest_memory.h"
#include "virtio/device.h"
#include "virtio/device_limits.h"
#include "virtio/time_slice.h"

namespace faasnap::virtio {

// Takes memory that the guest does not need.
class PageReleaser {
 public:
  virtual ~PageReleaser() = default;
  // Releases `pages` of guest memory, whose content the guest has given up. The guest may use them
  // again at any time after the call and does not rely on their content. Called on the loop's
  // thread.
  virtual void release(PageRange pages) noexcept = 0;
};

// A memory balloon (virtio 1.2, section 5.5) for free page reporting (VIRTIO_BALLOON_F_REPORTING):
// the guest's kernel reports ranges of free pages, and takes each range back as soon as it is
// acknowledged. The device never asks the balloon to grow; a driver that inflates it anyway loses
// the content of the pages.
//
// Everything is for the thread of `loop`, except the constructor, all of whose arguments must
// outlive the device.
class BalloonDevice final : public Device {
 public:
  BalloonDevice(base::EventLoop& loop, const memory::GuestMemory& memory, PageReleaser& releaser,
                DeviceLimits& limits);
  // Must be called on the loop's thread, or after the loop has stopped.
  ~BalloonDevice() override;

  std::string_view name() const noexcept override { return "virtio-balloon"; }
  std::uint32_t type() const noexcept override { return 5; }
  std::uint64_t features() const noexcept override;
  std::span<const std::uint16_t> queue_sizes() const noexcept override;
  std::span<const std::byte> config() const noexcept override { return config_; }
  void activate(std::span<Queue> queues, std::uint64_t features, Activation activation) override;
  void notify() override;
  void drain() override;
  void resume() override;
  void reset() noexcept override;
  void save(base::ByteWriter& state) const override;
  void restore(base::ByteReader& state) override;

 private:
  void work();
  // Takes one chain of queue `index`, for finish_chain. Returns false if there is none.
  bool take(std::size_t index);
  // Releases the pages of the chain that was taken, if there is one, and returns it. Leaves the
  // rest for the next call when the time is over.
  void finish_chain(const TimeSlice& slice);
  // Each adds the pages in the chain to pages_. Returns what is wrong with the chain, or an empty
  // string.
  std::string read_page_numbers(Queue& queue, const DescriptorChain& chain);
  std::string read_report(const DescriptorChain& chain);

  const memory::GuestMemory& memory_;
  PageReleaser& releaser_;
  DeviceLimits& limits_;
  std::array<std::byte, 8> config_{};
  std::span<Queue> queues_;
  bool reporting_ = false;
  bool drained_ = false;
  base::Timer again_;  // started if a slice of time ended with work left

  DescriptorChain chain_;
  Queue* chain_queue_ = nullptr;  // the queue that chain_ was taken from, until it is returned
  std::vector<PageRange> pages_;  // those of chain_ that have not been released
};

}  // namespace faasnap::virtio
