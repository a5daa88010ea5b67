// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <faasnap/vm_stats.h>

#include "base/files/fd.h"
#include "base/threads/event_loop.h"
#include "uring/ring.h"
#include "virtio/block/block_request.h"
#include "virtio/block/disk_content.h"
#include "virtio/device.h"
#include "virtio/device_limits.h"
#include "virtio/device_rate.h"

namespace faasnap::virtio {

// A disk (virtio 1.2, section 5.2). Reads and writes go through a ring straight from and to the
// guest's buffers, many at a time, and through the page cache, which all VMs with the same image
// share. A request beyond the end, one of more than kMaximumRequest bytes, a write to a read-only
// disk and whatever the host's file system refuses are answered with an I/O error: they are the
// guest's affair, and the device goes on.
//
// A disk that can be written has a cache as the guest sees it: what it has written is safe from a
// crash of the host after a flush, if the disk is durable (DiskFiles), and never if it is not.
// A discard makes holes in the file, and so does a write of zeros.
//
// How long a drain takes depends on the disk, not on the guest: at most DiskLimits::reading bytes
// are moved at a time, or one request, and those beyond stay in the queue. A reset cancels what is
// under way; if the kernel refuses to, the loop's failure handler is told.
class BlockDevice final : public Device {
 public:
  // Maximum number of bytes of one request. More than any request of a driver that respects the
  // limits in the configuration space, and of a Linux guest with its default settings if it was
  // saved before there was a limit.
  static constexpr std::uint64_t kMaximumRequest = 8 << 20;

  // `serial` is the disk's serial number for the guest, of which at most 20 bytes are used. May be
  // called on any thread; `loop` and `limits` must outlive the device.
  BlockDevice(base::EventLoop& loop, DiskContent content, std::string serial, DeviceLimits& limits);
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

  // False if threads serve requests because io_uring is forbidden. May be called on any thread.
  bool io_uring() const noexcept { return !ring_->of_threads(); }
  // Returns what it has done up to now. May be called on any thread.
  DiskStats stats() const noexcept;
  // Returns the content, for the thread that has drained the device.
  const DiskContent& content() const noexcept { return content_; }

 private:
  void start_available();
  // Takes the next request. Returns false if there is none, or if it must wait.
  bool start_next();
  // Waits for the rate of the disk. Returns false if there is nothing to wait for.
  bool must_wait();
  void start(BlockRequest& request);
  void start_transfer(BlockRequest& request);
  void start_flush(BlockRequest& request);
  void start_discard(BlockRequest& request, BlockOperation operation);
  // Gives the ring the next part of a read or write.
  void submit_transfer(BlockRequest& request);
  // `prepared` says whether the ring has taken a part of the request.
  void submitted(BlockRequest& request, bool prepared);
  void take_completions();
  void on_completion(BlockRequest& request, std::int32_t result);
  void on_transfer(BlockRequest& request, std::int32_t result);
  void count(const BlockRequest& request, BlockStatus status) noexcept;
  void finish(BlockRequest& request, BlockStatus status);
  void release(BlockRequest& request);
  std::uint64_t index_of(const BlockRequest& request) const noexcept;
  void wait_for_requests();

  base::EventLoop& loop_;
  DeviceLimits& limits_;
  DiskContent content_;
  std::string serial_;
  std::array<std::byte, 60> config_{};
  Queue* queue_ = nullptr;
  bool drained_ = false;
  std::uint64_t bytes_moving_ = 0;  // of the reads and writes that are under way
  bool waiting_ = false;            // true while the next request waits for these
  // One for each queue entry; free_ holds the unused ones.
  std::vector<BlockRequest> requests_;
  std::vector<BlockRequest*> free_;
  base::EventFd completed_;
  DeviceRate rate_;
  base::Timer again_;
  struct {
    std::atomic<std::uint64_t> reads = 0;
    std::atomic<std::uint64_t> read_bytes = 0;
    std::atomic<std::uint64_t> writes = 0;
    std::atomic<std::uint64_t> written_bytes = 0;
    std::atomic<std::uint64_t> flushes = 0;
    std::atomic<std::uint64_t> discards = 0;
    std::atomic<std::uint64_t> failed = 0;
  } counts_;
  // Last: its destructor waits for requests that use the members above.
  std::unique_ptr<uring::Ring> ring_;
};

}  // namespace faasnap::virtio
