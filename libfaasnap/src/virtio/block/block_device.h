// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/files/fd.h"
#include "base/threads/event_loop.h"
#include "uring/ring.h"
#include "virtio/block/block_request.h"
#include "virtio/device.h"
#include "virtio/device_limits.h"

namespace faasnap::virtio {

// A read-only disk (virtio 1.2, section 5.2) whose content is a file. Reads go through a ring
// straight into the guest's buffers, many at a time, and through the page cache, which all VMs with
// the same image share. A write, a request beyond the end and one of more than kMaximumRequest
// bytes are answered with an I/O error; a flush succeeds at once.
//
// How long a drain takes depends on the disk, not on the guest: at most DiskLimits::reading bytes
// are read at a time, or one request, and those beyond stay in the queue. A reset cancels the
// reads; if the kernel refuses to, the loop's failure handler is told.
class BlockDevice final : public Device {
 public:
  // Maximum number of bytes of one request. More than any request of a driver that respects the
  // limits in the configuration space, and of a Linux guest with its default settings if it was
  // saved before there was a limit.
  static constexpr std::uint64_t kMaximumRequest = 8 << 20;

  // `image` is open for reading; `path` names it in messages. `serial` is the disk's serial number
  // for the guest, of which at most 20 bytes are used. May be called on any thread; `loop` and
  // `limits` must outlive the device. Throws ErrorKind::invalid_argument if the size of `image` is
  // not a multiple of 512 bytes.
  BlockDevice(base::EventLoop& loop, base::UniqueFd image, const std::filesystem::path& path,
              std::string serial, DeviceLimits& limits);
  // Must be called on the loop's thread, or after the loop has stopped.
  ~BlockDevice() override;

  std::string_view name() const noexcept override { return "virtio-blk"; }
  std::uint32_t type() const noexcept override { return 2; }
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

  // False if threads read because io_uring is forbidden. May be called on any thread.
  bool io_uring() const noexcept { return !ring_->of_threads(); }

 private:
  void start_available();
  // Takes the next request. Returns false if there is none, or if it must wait.
  bool start_next();
  void start(BlockRequest& request);
  void submit_read(BlockRequest& request);
  void take_completions();
  void on_read(BlockRequest& request, std::int32_t result);
  void finish(BlockRequest& request, BlockStatus status);
  void release(BlockRequest& request);
  std::uint64_t index_of(const BlockRequest& request) const noexcept;
  void wait_for_reads();

  base::EventLoop& loop_;
  DeviceLimits& limits_;
  base::UniqueFd image_;
  std::uint64_t sectors_ = 0;
  std::string serial_;
  std::array<std::byte, 24> config_{};
  Queue* queue_ = nullptr;
  bool drained_ = false;
  std::uint64_t bytes_reading_ = 0;  // of the requests whose reads are under way
  bool waiting_ = false;             // true while the next request waits for these
  // One for each queue entry; free_ holds the unused ones.
  std::vector<BlockRequest> requests_;
  std::vector<BlockRequest*> free_;
  base::EventFd completed_;
  // Last: its destructor waits for reads that use the members above.
  std::unique_ptr<uring::Ring> ring_;
};

}  // namespace faasnap::virtio
