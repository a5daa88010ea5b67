#include "virtio/balloon/balloon_device.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <array>
#include "memory/page_set.h"

namespace faasnap::virtio {
namespace {

// Feature bit and queues of virtio 1.2, sections 5.5.2 and 5.5.3.
constexpr std::uint64_t kFeatureReporting = 1ULL << 5;
constexpr std::size_t kInflateQueue = 0;
constexpr std::size_t kDeflateQueue = 1;
// The reporting queue is number 4. Drivers that number without gaps take the first one that has no
// other use, which is number 2 as neither statistics nor hints are offered (Linux does, and QEMU
// expects it). What comes in any of these is a report.
constexpr std::size_t kQueues = 5;
constexpr std::uint16_t kBalloonQueueSize = 128;
constexpr std::array<std::uint16_t, kQueues> kBalloonQueueSizes{
    kBalloonQueueSize, kBalloonQueueSize, kBalloonQueueSize, kBalloonQueueSize, kBalloonQueueSize};

// The pages that the inflate and deflate queues name are of 4 KiB whatever the architecture.
constexpr unsigned kPageShift = 12;
static_assert(kPageSize == 1ULL << kPageShift);
// Page numbers in one chain. Linux sends 256.
constexpr std::size_t kMaximumPageNumbers = 16384;

// Chains taken in one go; then the loop's other descriptors have their turn.
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
    again_.signal();  // comes back here
  }
}

bool BalloonDevice::take(std::size_t index) {
  Queue& queue = queues_[index];
  const bool numbers = index == kInflateQueue || index == kDeflateQueue;
  // Free memory is not brought in only to be given back.
  if (!queue.pop(chain_, numbers ? BufferUse::access : BufferUse::location)) {
    return false;
  }
  pages_.clear();
  const std::string defect = numbers ? read_page_numbers(chain_) : read_report(chain_);
  if (!defect.empty()) {
    queue.fault(defect);
    return false;
  }
  // A deflated page is the guest's again, which needs nothing of the host.
  if (index != kDeflateQueue) {
    release_pages();
  }
  queue.push_used(chain_.head, 0);
  return true;
}

std::string BalloonDevice::read_page_numbers(const DescriptorChain& chain) {
  if (!chain.writable.empty()) {
    return "page numbers with a buffer to write to";
  }
  const std::size_t size = total_size(chain.readable);
  if (size % sizeof(std::uint32_t) != 0 || size > kMaximumPageNumbers * sizeof(std::uint32_t)) {
    return fmt::format("{} bytes of page numbers", size);
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
    return "report of free pages, a feature that was not negotiated";
  }
  if (!chain.readable.empty()) {
    return "report of free pages with a buffer to read";
  }
  for (const iovec& buffer : chain.writable) {
    // In guest memory, which the queue has checked.
    const auto offset = static_cast<std::uint64_t>(static_cast<std::byte*>(buffer.iov_base) -
                                                   memory_.host().data());
    if (offset % kPageSize != 0 || buffer.iov_len % kPageSize != 0) {
      return fmt::format("report of {} free bytes at {:#x} in a page", buffer.iov_len,
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

// What the device knows is in the queues and in the features that the driver has accepted.
void BalloonDevice::save(base::ByteWriter&) const {}
void BalloonDevice::restore(base::ByteReader&) {}

}  // namespace faasnap::virtio
