// SPDX-License-Identifier: Apache-2.0

#include "virtio/block/block_device.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/files/file.h"
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
constexpr std::size_t kCapacityOffset = 0;
constexpr std::size_t kSizeMaximumOffset = 8;
constexpr std::size_t kSegmentMaximumOffset = 12;
constexpr std::size_t kBlockSizeOffset = 20;

// Maximum number of data buffers of one request: the header and the status take a descriptor each.
constexpr std::uint32_t kSegmentMaximum = kBlockQueueSize - 2;
// Maximum size in bytes of one of them.
constexpr std::uint32_t kSizeMaximum = 64 << 10;
static_assert(std::uint64_t{kSegmentMaximum} * kSizeMaximum <= BlockDevice::kMaximumRequest);

constexpr std::size_t kSerialSize = 20;

std::uint64_t sectors_of(const base::UniqueFd& image, const std::filesystem::path& path) {
  const Bytes size = base::file_size(image, path);
  if (size.value % kSectorSize != 0) {
    base::fail(ErrorKind::invalid_argument, "attach disk", path,
               fmt::format("size is {} bytes, expected a multiple of {}", size.value, kSectorSize));
  }
  return size.value / kSectorSize;
}

}  // namespace

BlockDevice::BlockDevice(base::EventLoop& loop, base::UniqueFd image,
                         const std::filesystem::path& path, std::string serial,
                         DeviceLimits& limits)
    : loop_(loop),
      limits_(limits),
      image_(std::move(image)),
      sectors_(sectors_of(image_, path)),
      serial_(std::move(serial)),
      requests_(kBlockQueueSize),
      ring_(uring::Ring::make(kBlockQueueSize)) {
  serial_.resize(kSerialSize);
  const auto block_size = static_cast<std::uint32_t>(kSectorSize);
  std::memcpy(config_.data() + kCapacityOffset, &sectors_, sizeof(sectors_));
  std::memcpy(config_.data() + kSizeMaximumOffset, &kSizeMaximum, sizeof(kSizeMaximum));
  std::memcpy(config_.data() + kSegmentMaximumOffset, &kSegmentMaximum, sizeof(kSegmentMaximum));
  std::memcpy(config_.data() + kBlockSizeOffset, &block_size, sizeof(block_size));
  for (BlockRequest& request : requests_) {
    free_.push_back(&request);
  }
  ring_->register_event(completed_);
}

BlockDevice::~BlockDevice() { reset(); }

std::uint64_t BlockDevice::features() const noexcept {
  return kFeatureSizeMaximum | kFeatureSegmentMaximum | kFeatureReadOnly | kFeatureBlockSize |
         kFeatureFlush;
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
  } while (!time.over() && !waiting_ && queue_->enable_notifications());
  if (time.used_up()) {
    completed_.signal();  // continues here
  }
  ring_->submit();
  queue_->signal_used();
}

bool BlockDevice::start_next() {
  if (free_.empty() || !queue_->pop(free_.back()->chain)) {
    return false;
  }
  BlockRequest& request = *free_.back();
  if (!request.parse(*queue_)) {
    return false;
  }
  if (bytes_reading_ != 0 &&
      bytes_reading_ + request.data_size > limits_.allowed.disk.reading.value) {
    queue_->undo_pop();  // a completion continues here
    limits_.delayed_reads += std::exchange(waiting_, true) ? 0 : 1;
    return false;
  }
  waiting_ = false;
  free_.pop_back();
  start(request);
  return true;
}

void BlockDevice::start(BlockRequest& request) {
  switch (static_cast<BlockOperation>(request.operation)) {
    case BlockOperation::read:
      if (!request.within(sectors_) || request.data_size > kMaximumRequest) {
        finish(request, BlockStatus::io_error);
      } else if (request.data_size == 0) {
        finish(request, BlockStatus::ok);
      } else {
        request.reading = true;
        bytes_reading_ += request.data_size;
        submit_read(request);
      }
      return;
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
      finish(request, BlockStatus::ok);
      return;
    case BlockOperation::write:
      finish(request, BlockStatus::io_error);
      return;
  }
  finish(request, BlockStatus::unsupported);
}

void BlockDevice::submit_read(BlockRequest& request) {
  const std::uint64_t left = request.data_size - request.done;
  if (!queue_->admit(request.chain.writable, request.done, left)) {
    finish(request, BlockStatus::io_error);
    return;
  }
  slice(request.chain.writable, request.done, left, request.pending);
  const std::uint64_t offset = request.sector * kSectorSize + request.done;
  // The ring has an entry for each request, so there is always a free one.
  if (!ring_->prepare_readv(image_, request.pending, offset, index_of(request))) {
    finish(request, BlockStatus::io_error);
  }
}

std::uint64_t BlockDevice::index_of(const BlockRequest& request) const noexcept {
  return static_cast<std::uint64_t>(&request - requests_.data());
}

void BlockDevice::take_completions() {
  ring_->for_each_completion([this](const uring::Completion& completion) {
    on_read(requests_[completion.user_data], completion.result);
  });
  ring_->submit();
  if (queue_ != nullptr) {
    queue_->signal_used();
  }
}

void BlockDevice::on_read(BlockRequest& request, std::int32_t result) {
  if (queue_ == nullptr) {
    release(request);  // reset: the answer has no recipient
    return;
  }
  if (result > 0) {
    request.done += static_cast<std::uint32_t>(result);
  }
  const bool again = result > 0 || result == -EAGAIN || result == -EINTR;
  if (request.done == request.data_size) {
    finish(request, BlockStatus::ok);
  } else if (again) {
    submit_read(request);
  } else {
    // 0 means the end of a file that was truncated after it was opened.
    finish(request, BlockStatus::io_error);
  }
}

void BlockDevice::finish(BlockRequest& request, BlockStatus status) {
  request.complete(*queue_, status);
  release(request);
}

void BlockDevice::release(BlockRequest& request) {
  if (std::exchange(request.reading, false)) {
    bytes_reading_ -= request.data_size;
  }
  free_.push_back(&request);
}

void BlockDevice::wait_for_reads() {
  while (ring_->outstanding() != 0) {
    ring_->submit_and_wait(1);
    take_completions();
  }
}

void BlockDevice::drain() {
  drained_ = true;
  wait_for_reads();
}

void BlockDevice::resume() { drained_ = false; }

void BlockDevice::reset() noexcept {
  if (queue_ == nullptr) {
    return;
  }
  loop_.unwatch(completed_.get());
  queue_ = nullptr;
  try {
    for (const BlockRequest& request : requests_) {
      if (request.reading) {
        ring_->cancel(index_of(request));
      }
    }
    wait_for_reads();
  } catch (...) {
    // The kernel refuses to wait. The remaining reads may still end in memory that the guest takes
    // for its own again, so the guest must not go on.
    loop_.post([failure = std::current_exception()] { std::rethrow_exception(failure); });
  }
}

void BlockDevice::save(base::ByteWriter& state) const { state.put(sectors_); }

void BlockDevice::restore(base::ByteReader& state) {
  const auto sectors = state.get<std::uint64_t>();
  if (sectors != sectors_) {
    state.reject(
        fmt::format("the disk has {} sectors, but the attached image has {}", sectors, sectors_));
  }
}

}  // namespace faasnap::virtio
