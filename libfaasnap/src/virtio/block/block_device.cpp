// SPDX-License-Identifier: Apache-2.0

#include "virtio/block/block_device.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "virtio/time_slice.h"

namespace faasnap::virtio {
namespace {

constexpr std::uint16_t kBlockQueueSize = 128;
constexpr std::array<std::uint16_t, 1> kBlockQueueSizes{kBlockQueueSize};

// Feature bits and configuration space (virtio 1.2, sections 5.2.3 and 5.2.4).
constexpr std::uint64_t kFeatureSizeMaximum = 1ULL << 1;
constexpr std::uint64_t kFeatureSegmentMaximum = 1ULL << 2;
constexpr std::uint64_t kFeatureReadOnly = 1ULL << 5;
constexpr std::uint64_t kFeatureBlockSize = 1ULL << 6;
constexpr std::uint64_t kFeatureFlush = 1ULL << 9;
constexpr std::uint64_t kFeatureDiscard = 1ULL << 13;
constexpr std::uint64_t kFeatureWriteZeroes = 1ULL << 14;
constexpr std::size_t kCapacityOffset = 0;
constexpr std::size_t kSizeMaximumOffset = 8;
constexpr std::size_t kSegmentMaximumOffset = 12;
constexpr std::size_t kBlockSizeOffset = 20;
constexpr std::size_t kDiscardSectorsOffset = 36;
constexpr std::size_t kDiscardSegmentsOffset = 40;
constexpr std::size_t kDiscardAlignmentOffset = 44;
constexpr std::size_t kZeroesSectorsOffset = 48;
constexpr std::size_t kZeroesSegmentsOffset = 52;
constexpr std::size_t kZeroesUnmapOffset = 56;

// Maximum number of data buffers of one request: the header and the status take a descriptor each.
constexpr std::uint32_t kSegmentMaximum = kBlockQueueSize - 2;
// Maximum size in bytes of one of them.
constexpr std::uint32_t kSizeMaximum = 64 << 10;
static_assert(std::uint64_t{kSegmentMaximum} * kSizeMaximum <= BlockDevice::kMaximumRequest);

// Maximum number of sectors of one discard or write of zeros, each of which is one extent.
constexpr std::uint32_t kDiscardSectors = (128U << 20) / kSectorSize;
// What a file system can make a hole of.
constexpr std::uint32_t kDiscardAlignment = kPageSize / kSectorSize;
// The flag of a write of zeros that may make a hole.
constexpr std::uint32_t kExtentUnmap = 1;

constexpr std::size_t kSerialSize = 20;

template <typename Value>
void set_block_config(std::span<std::byte> config, std::size_t offset, const Value& value) {
  std::memcpy(config.data() + offset, &value, sizeof(value));
}

DeviceRate disk_rate_of(const DiskRate& rate) {
  return {{rate.bytes_per_second.value, rate.byte_burst.value},
          {rate.requests_per_second, rate.request_burst}};
}

}  // namespace

BlockDevice::BlockDevice(base::EventLoop& loop, DiskContent content, std::string serial,
                         DeviceLimits& limits)
    : loop_(loop),
      limits_(limits),
      content_(std::move(content)),
      serial_(std::move(serial)),
      requests_(kBlockQueueSize),
      rate_(disk_rate_of(limits.allowed.disk.rate)),
      again_(loop, [this] { start_available(); }),
      ring_(uring::Ring::make(kBlockQueueSize)) {
  serial_.resize(kSerialSize);
  set_block_config(config_, kCapacityOffset, content_.sectors());
  set_block_config(config_, kSizeMaximumOffset, kSizeMaximum);
  set_block_config(config_, kSegmentMaximumOffset, kSegmentMaximum);
  set_block_config(config_, kBlockSizeOffset, static_cast<std::uint32_t>(kSectorSize));
  if (!content_.read_only()) {
    set_block_config(config_, kDiscardSectorsOffset, kDiscardSectors);
    set_block_config(config_, kDiscardSegmentsOffset, std::uint32_t{1});
    set_block_config(config_, kDiscardAlignmentOffset, kDiscardAlignment);
    set_block_config(config_, kZeroesSectorsOffset, kDiscardSectors);
    set_block_config(config_, kZeroesSegmentsOffset, std::uint32_t{1});
    set_block_config(config_, kZeroesUnmapOffset, std::uint8_t{1});
  }
  for (BlockRequest& request : requests_) {
    free_.push_back(&request);
  }
  ring_->register_event(completed_);
}

BlockDevice::~BlockDevice() { reset(); }

std::uint64_t BlockDevice::features() const noexcept {
  return kFeatureSizeMaximum | kFeatureSegmentMaximum | kFeatureBlockSize | kFeatureFlush |
         (content_.read_only() ? kFeatureReadOnly : kFeatureDiscard | kFeatureWriteZeroes);
}

std::span<const std::uint16_t> BlockDevice::queue_sizes() const noexcept {
  return kBlockQueueSizes;
}

void BlockDevice::activate(std::span<Queue> queues, std::uint64_t, Activation) {
  queue_ = &queues[0];
  drained_ = false;
  waiting_ = false;
  loop_.watch(completed_.get(), EPOLLIN, [this](std::uint32_t) {
    completed_.drain();
    take_completions();
    start_available();
  });
}

void BlockDevice::notify() { start_available(); }

void BlockDevice::start_available() {
  if (drained_) {
    return;
  }
  TimeSlice time(limits_);
  do {
    while (!time.over() && start_next()) {
    }
  } while (!time.over() && !waiting_ && !rate_.waiting() && queue_->enable_notifications());
  if (time.used_up()) {
    completed_.signal();  // continues here
  }
  ring_->submit();
  queue_->signal_used();
}

bool BlockDevice::must_wait() {
  const bool waited = rate_.waiting();
  const Nanoseconds wait = rate_.wait(base::monotonic_now());
  if (!rate_.waiting()) {
    return false;
  }
  limits_.disk_waits += waited ? 0 : 1;
  again_.start(wait);
  return true;
}

bool BlockDevice::start_next() {
  if (free_.empty() || must_wait() || !queue_->pop(free_.back()->chain)) {
    return false;
  }
  BlockRequest& request = *free_.back();
  if (!request.parse(*queue_)) {
    return false;
  }
  if (bytes_moving_ != 0 &&
      bytes_moving_ + request.data_size > limits_.allowed.disk.reading.value) {
    queue_->undo_pop();  // a completion continues here
    limits_.delayed_reads += std::exchange(waiting_, true) ? 0 : 1;
    return false;
  }
  waiting_ = false;
  free_.pop_back();
  rate_.count(request.data_size, base::monotonic_now());
  start(request);
  return true;
}

void BlockDevice::start(BlockRequest& request) {
  const auto operation = static_cast<BlockOperation>(request.operation);
  if (request.takes_data() && content_.read_only()) {
    finish(request,
           operation == BlockOperation::write ? BlockStatus::io_error : BlockStatus::unsupported);
    return;
  }
  switch (operation) {
    case BlockOperation::read:
    case BlockOperation::write:
      return start_transfer(request);
    case BlockOperation::get_id: {
      const std::size_t length = std::min<std::size_t>(kSerialSize, request.data_size);
      if (queue_->admit(request.chain.writable, 0, length)) {
        copy_to(request.chain.writable, 0, std::as_bytes(std::span(serial_).first(length)));
        request.done = length;
      }
      finish(request, BlockStatus::ok);
      return;
    }
    case BlockOperation::flush:
      return start_flush(request);
    case BlockOperation::discard:
    case BlockOperation::write_zeroes:
      return start_discard(request, operation);
  }
  finish(request, BlockStatus::unsupported);
}

void BlockDevice::start_transfer(BlockRequest& request) {
  if (!request.within(content_.sectors()) || request.data_size > kMaximumRequest) {
    finish(request, BlockStatus::io_error);
  } else if (request.data_size == 0) {
    finish(request, BlockStatus::ok);
  } else {
    request.moving = request.data_size;
    bytes_moving_ += request.moving;
    submit_transfer(request);
  }
}

void BlockDevice::start_flush(BlockRequest& request) {
  if (content_.read_only() || !content_.durable()) {
    finish(request, BlockStatus::ok);
    return;
  }
  submitted(request, ring_->prepare_sync(content_.file(), index_of(request)));
}

void BlockDevice::start_discard(BlockRequest& request, BlockOperation operation) {
  BlockExtent extent;
  const std::uint32_t known = operation == BlockOperation::write_zeroes ? kExtentUnmap : 0;
  if (!request.read_extent(*queue_, extent) || (extent.flags & ~known) != 0) {
    finish(request, BlockStatus::unsupported);
    return;
  }
  const std::uint64_t sectors = content_.sectors();
  if (extent.sectors > kDiscardSectors || extent.sector > sectors ||
      extent.sectors > sectors - extent.sector) {
    finish(request, BlockStatus::io_error);
    return;
  }
  if (extent.sectors == 0) {
    finish(request, BlockStatus::ok);
    return;
  }
  request.sector = extent.sector;
  request.data_size = extent.sectors * kSectorSize;
  submitted(request, ring_->prepare_punch(content_.file(),
                                          content_.offset_in_file(extent.sector * kSectorSize),
                                          request.data_size, index_of(request)));
}

void BlockDevice::submit_transfer(BlockRequest& request) {
  const std::uint64_t at = request.sector * kSectorSize + request.done;
  const std::uint64_t left = request.data_size - request.done;
  const std::uint64_t begin = request.data_begin() + request.done;
  const bool writes = request.takes_data();
  const DiskContent::Run run =
      writes ? DiskContent::Run{&content_.file(), content_.offset_in_file(at), left}
             : content_.run_at(at, left);
  if (!queue_->admit(request.buffers(), begin, run.length)) {
    finish(request, BlockStatus::io_error);
    return;
  }
  slice(request.buffers(), begin, run.length, request.pending);
  const std::uint64_t index = index_of(request);
  submitted(request, writes ? ring_->prepare_writev(*run.fd, request.pending, run.offset, index)
                            : ring_->prepare_readv(*run.fd, request.pending, run.offset, index));
}

void BlockDevice::submitted(BlockRequest& request, bool prepared) {
  request.submitted = prepared;
  // The ring has an entry for each request, so there is always a free one.
  if (!prepared) {
    finish(request, BlockStatus::io_error);
  }
}

std::uint64_t BlockDevice::index_of(const BlockRequest& request) const noexcept {
  return static_cast<std::uint64_t>(&request - requests_.data());
}

void BlockDevice::take_completions() {
  ring_->for_each_completion([this](const uring::Completion& completion) {
    on_completion(requests_[completion.user_data], completion.result);
  });
  ring_->submit();
  if (queue_ != nullptr) {
    queue_->signal_used();
  }
}

void BlockDevice::on_completion(BlockRequest& request, std::int32_t result) {
  request.submitted = false;
  const auto operation = static_cast<BlockOperation>(request.operation);
  const bool transfers = operation == BlockOperation::read || operation == BlockOperation::write;
  if (result >= 0 && !transfers && operation != BlockOperation::flush) {
    // Holes read as zeros, whatever is below.
    content_.set_written(request.sector, request.data_size / kSectorSize);
  }
  if (queue_ == nullptr) {
    release(request);  // reset: the answer has no recipient
  } else if (transfers) {
    on_transfer(request, result);
  } else if (result == -EOPNOTSUPP || result == -ENOSYS) {
    finish(request, BlockStatus::unsupported);
  } else {
    finish(request, result < 0 ? BlockStatus::io_error : BlockStatus::ok);
  }
}

void BlockDevice::on_transfer(BlockRequest& request, std::int32_t result) {
  if (result > 0) {
    request.done += static_cast<std::uint32_t>(result);
  }
  const bool again = result > 0 || result == -EAGAIN || result == -EINTR;
  if (request.done == request.data_size) {
    if (request.takes_data()) {
      content_.set_written(request.sector, request.data_size / kSectorSize);
    }
    finish(request, BlockStatus::ok);
  } else if (again) {
    submit_transfer(request);
  } else {
    // 0 means the end of a file that was truncated after it was opened.
    finish(request, BlockStatus::io_error);
  }
}

void BlockDevice::count(const BlockRequest& request, BlockStatus status) noexcept {
  if (status != BlockStatus::ok) {
    ++counts_.failed;
    return;
  }
  switch (static_cast<BlockOperation>(request.operation)) {
    case BlockOperation::read:
      ++counts_.reads;
      counts_.read_bytes += request.data_size;
      return;
    case BlockOperation::write:
      ++counts_.writes;
      counts_.written_bytes += request.data_size;
      return;
    case BlockOperation::flush:
      ++counts_.flushes;
      return;
    case BlockOperation::discard:
    case BlockOperation::write_zeroes:
      ++counts_.discards;
      return;
    case BlockOperation::get_id:
      return;
  }
}

DiskStats BlockDevice::stats() const noexcept {
  return {.reads = counts_.reads,
          .read = {counts_.read_bytes},
          .writes = counts_.writes,
          .written = {counts_.written_bytes},
          .flushes = counts_.flushes,
          .discards = counts_.discards,
          .failed = counts_.failed};
}

void BlockDevice::finish(BlockRequest& request, BlockStatus status) {
  count(request, status);
  request.complete(*queue_, status);
  release(request);
}

void BlockDevice::release(BlockRequest& request) {
  bytes_moving_ -= std::exchange(request.moving, 0);
  free_.push_back(&request);
}

void BlockDevice::wait_for_requests() {
  while (ring_->outstanding() != 0) {
    ring_->submit_and_wait(1);
    take_completions();
  }
}

void BlockDevice::drain() {
  drained_ = true;
  wait_for_requests();
}

void BlockDevice::resume() { drained_ = false; }

void BlockDevice::reset() noexcept {
  if (queue_ == nullptr) {
    return;
  }
  loop_.unwatch(completed_.get());
  again_.cancel();
  queue_ = nullptr;
  try {
    for (const BlockRequest& request : requests_) {
      if (request.submitted) {
        ring_->cancel(index_of(request));
      }
    }
    wait_for_requests();
  } catch (...) {
    // The kernel refuses to wait. The remaining requests may still end in memory that the guest
    // takes for its own again, so the guest must not go on.
    loop_.post([failure = std::current_exception()] { std::rethrow_exception(failure); });
  }
}

void BlockDevice::save(base::ByteWriter& state) const { state.put(content_.sectors()); }

void BlockDevice::restore(base::ByteReader& state) {
  const auto sectors = state.get<std::uint64_t>();
  if (sectors != content_.sectors()) {
    state.reject(fmt::format("the disk has {} sectors, but the attached image has {}", sectors,
                             content_.sectors()));
  }
}

}  // namespace faasnap::virtio
