// SPDX-License-Identifier: Apache-2.0

#include "virtio/balloon/balloon_device.h"

#include <fmt/format.h>

#include <algorithm>
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

// Maximum number of pages released at a time, which takes about a millisecond.
constexpr std::uint64_t kReleasedPages = 2048;

}  // namespace

BalloonDevice::BalloonDevice(base::EventLoop& loop, const memory::GuestMemory& memory,
                             PageReleaser& releaser, DeviceLimits& limits)
    : memory_(memory), releaser_(releaser), limits_(limits), again_(loop, [this] { work(); }) {}

BalloonDevice::~BalloonDevice() { reset(); }

std::uint64_t BalloonDevice::features() const noexcept { return kFeatureReporting; }

std::span<const std::uint16_t> BalloonDevice::queue_sizes() const noexcept {
  return kBalloonQueueSizes;
}

void BalloonDevice::activate(std::span<Queue> queues, std::uint64_t features, Activation) {
  queues_ = queues;
  reporting_ = (features & kFeatureReporting) != 0;
  drained_ = false;
}

void BalloonDevice::notify() { work(); }

void BalloonDevice::work() {
  if (queues_.empty() || drained_) {
    return;
  }
  TimeSlice slice(limits_);
  finish_chain(slice);
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    do {
      while (!slice.over() && take(i)) {
        finish_chain(slice);
      }
    } while (!slice.over() && queues_[i].enable_notifications());
    queues_[i].signal_used();
  }
  if (slice.used_up()) {
    again_.start(Nanoseconds(0));  // continues here
  }
}

bool BalloonDevice::take(std::size_t index) {
  Queue& queue = queues_[index];
  if (!queue.pop(chain_)) {
    return false;
  }
  pages_.clear();
  const bool numbers = index == kInflateQueue || index == kDeflateQueue;
  const std::string defect = numbers ? read_page_numbers(queue, chain_) : read_report(chain_);
  if (!defect.empty()) {
    queue.fault(defect);
    return false;
  }
  // The pages of a chain may overlap; sorted in the opposite order, so that the last comes first.
  pages_ = memory::PageSet(pages_).runs();
  std::reverse(pages_.begin(), pages_.end());
  // A deflated page belongs to the guest again; the host has nothing to do.
  if (index == kDeflateQueue) {
    pages_.clear();
  }
  chain_queue_ = &queue;
  return true;
}

void BalloonDevice::finish_chain(const TimeSlice& slice) {
  if (chain_queue_ == nullptr) {
    return;
  }
  while (!pages_.empty()) {
    if (slice.over()) {
      return;
    }
    PageRange& range = pages_.back();
    const PageRange piece{range.first, std::min(range.count, kReleasedPages)};
    releaser_.release(piece);
    range = {piece.end(), range.count - piece.count};
    if (range.count == 0) {
      pages_.pop_back();
    }
  }
  chain_queue_->push_used(chain_.head, 0);
  chain_queue_ = nullptr;
}

std::string BalloonDevice::read_page_numbers(Queue& queue, const DescriptorChain& chain) {
  if (!chain.writable.empty()) {
    return "page numbers with a writable buffer";
  }
  const std::size_t size = total_size(chain.readable);
  if (size % sizeof(std::uint32_t) != 0 || size > kMaximumPageNumbers * sizeof(std::uint32_t)) {
    return fmt::format("invalid size of page numbers: {} bytes", size);
  }
  if (!queue.admit(chain.readable, 0, size)) {
    return "page numbers that cannot be read";
  }
  std::vector<std::uint32_t> numbers(size / sizeof(std::uint32_t));
  copy_from(chain.readable, 0, std::as_writable_bytes(std::span(numbers)));
  for (const std::uint32_t number : numbers) {
    const auto page = memory_.place({std::uint64_t{number} << kPageShift}, kPageSize);
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

// A chain whose pages are not all released is taken again later, by this VM or by one restored from
// its state: to release a page twice does no harm, since the guest waits for the chain.
void BalloonDevice::drain() {
  drained_ = true;
  if (chain_queue_ != nullptr) {
    chain_queue_->undo_pop();
    chain_queue_ = nullptr;
  }
}

void BalloonDevice::resume() { drained_ = false; }

void BalloonDevice::reset() noexcept {
  again_.cancel();
  queues_ = {};
  chain_queue_ = nullptr;
}

// The queues and the negotiated features are the device's whole state.
void BalloonDevice::save(base::ByteWriter&) const {}
void BalloonDevice::restore(base::ByteReader&) {}

}  // namespace faasnap::virtio
