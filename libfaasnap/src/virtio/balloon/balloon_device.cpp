// SPDX-License-Identifier: Apache-2.0

#include "virtio/balloon/balloon_device.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <array>
#include "memory/page_set.h"

namespace faasnap::virtio {
namespace {

// The feature bit and queues (virtio 1.2, sections 5.5.2 and 5.5.3).
constexpr std::uint64_t kFeatureReporting = 1ULL << 5;
constexpr std::size_t kInflateQueue = 0;
constexpr std::size_t kDeflateQueue = 1;
// The reporting queue is number 4. Drivers that number queues without gaps (Linux does, and QEMU
// expects it) use the first one that has no other use: number 2, as neither statistics nor hints
// are offered. A chain in any of these queues is a report.
constexpr std::size_t kQueues = 5;
constexpr std::uint16_t kBalloonQueueSize = 128;
constexpr std::array<std::uint16_t, kQueues> kBalloonQueueSizes{
    kBalloonQueueSize, kBalloonQueueSize, kBalloonQueueSize, kBalloonQueueSize, kBalloonQueueSize};

// The inflate and deflate queues count in pages of 4 KiB on every architecture.
constexpr unsigned kPageShift = 12;
static_assert(kPageSize == 1ULL << kPageShift);
// Maximum number of page numbers in one chain. Linux sends 256.
constexpr std::size_t kMaximumPageNumbers = 16384;

// Maximum number of chains taken in one batch; then the loop's other descriptors have their turn.
constexpr unsigned kChainBatch = 64;

}  // namespace

BalloonDevice::BalloonDevice(base::EventLoop& loop, const memory::GuestMemory& memory,
                             PageReleaser& releaser)
    : loop_(loop), memory_(memory), releaser_(releaser) {}

BalloonDevice::~BalloonDevice() { reset(); }

std::uint64_t BalloonDevice::features() const noexcept { return kFeatureReporting; }

std::span<const std::uint16_t> BalloonDevice::queue_sizes() const noexcept {
  return kBalloonQueueSizes;
}

void BalloonDevice::activate(std::span<Queue> queues, std::uint64_t features, Activation) {
  queues_ = queues;
  reporting_ = (features & kFeatureReporting) != 0;
  drained_ = false;
  loop_.watch(again_.get(), EPOLLIN, [this](std::uint32_t) {
    again_.drain();
    work();
  });
}

void BalloonDevice::notify(std::size_t) { work(); }

void BalloonDevice::work() {
  if (queues_.empty() || drained_) {
    return;
  }
  unsigned budget = kChainBatch;
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    do {
      while (budget != 0 && take(i)) {
        --budget;
      }
    } while (budget != 0 && queues_[i].enable_notifications());
    queues_[i].signal_used();
  }
  if (budget == 0) {
    again_.signal();  // continues here
  }
}

bool BalloonDevice::take(std::size_t index) {
  Queue& queue = queues_[index];
  const bool numbers = index == kInflateQueue || index == kDeflateQueue;
  // Pages that are only released need not be brought in first.
  if (!queue.pop(chain_, numbers ? BufferUse::access : BufferUse::location)) {
    return false;
  }
  pages_.clear();
  const std::string defect = numbers ? read_page_numbers(chain_) : read_report(chain_);
  if (!defect.empty()) {
    queue.fault(defect);
    return false;
  }
  // A deflated page belongs to the guest again; the host has nothing to do.
  if (index != kDeflateQueue) {
    release_pages();
  }
  queue.push_used(chain_.head, 0);
  return true;
}

std::string BalloonDevice::read_page_numbers(const DescriptorChain& chain) {
  if (!chain.writable.empty()) {
    return "page numbers with a writable buffer";
  }
  const std::size_t size = total_size(chain.readable);
  if (size % sizeof(std::uint32_t) != 0 || size > kMaximumPageNumbers * sizeof(std::uint32_t)) {
    return fmt::format("invalid size of page numbers: {} bytes", size);
  }
  std::vector<std::uint32_t> numbers(size / sizeof(std::uint32_t));
  copy_from(chain.readable, 0, std::as_writable_bytes(std::span(numbers)));
  for (const std::uint32_t number : numbers) {
    const auto page = memory_.view({std::uint64_t{number} << kPageShift}, kPageSize);
    if (!page) {
      return fmt::format("page number {:#x} is not guest memory", number);
    }
    const auto offset = static_cast<std::uint64_t>(page->data() - memory_.host().data());
    pages_.push_back({PageIndex{offset / kPageSize}, 1});
  }
  return {};
}

std::string BalloonDevice::read_report(const DescriptorChain& chain) {
  if (!reporting_) {
    return "report of free pages, which was not negotiated";
  }
  if (!chain.readable.empty()) {
    return "report of free pages with a readable buffer";
  }
  for (const iovec& buffer : chain.writable) {
    // The queue has checked that the buffer is guest memory.
    const auto offset = static_cast<std::uint64_t>(static_cast<std::byte*>(buffer.iov_base) -
                                                   memory_.host().data());
    if (offset % kPageSize != 0 || buffer.iov_len % kPageSize != 0) {
      return fmt::format("report of {} free bytes at offset {:#x} of a page", buffer.iov_len,
                         offset % kPageSize);
    }
    pages_.push_back({PageIndex{offset / kPageSize}, buffer.iov_len / kPageSize});
  }
  return {};
}

void BalloonDevice::release_pages() {
  for (const PageRange& range : memory::PageSet(pages_).runs()) {
    releaser_.release(range);
  }
}

void BalloonDevice::drain() { drained_ = true; }

void BalloonDevice::resume() { drained_ = false; }

void BalloonDevice::reset() noexcept {
  if (!queues_.empty()) {
    loop_.unwatch(again_.get());
    queues_ = {};
  }
}

// The queues and the negotiated features are the device's whole state.
void BalloonDevice::save(base::ByteWriter&) const {}
void BalloonDevice::restore(base::ByteReader&) {}

}  // namespace faasnap::virtio
