// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <faasnap/units.h>

#include "base/files/fd.h"
#include "base/files/mapping.h"
#include "paging/reads/io_buffers.h"
#include "paging/snapshot_files.h"
#include "uring/ring.h"

namespace faasnap::paging {

// Reads parts of a snapshot's files through a ring, several at once. Each read has a slot, and
// every slot a buffer if the queue has buffers. A read that ends short is continued, one that is
// interrupted is tried again: a read that the queue reports has brought all that was asked for.
//
// Made on one thread and used by one thread at a time, which must live until its reads have ended;
// buffers may be used by any thread while no read of their slot is under way. The files must stay
// open, and mapped memory mapped, until the reads have ended. Offsets and lengths are multiples of
// the page size.
class ReadQueue {
 public:
  // Up to `slots` reads at once, each into a buffer of `buffer` bytes; 0: there are no buffers.
  explicit ReadQueue(unsigned slots, Bytes buffer = {});

  // Returns a slot that has no read under way; nothing if there is none.
  std::optional<unsigned> free_slot() const noexcept;
  unsigned under_way() const noexcept { return ring_->outstanding(); }

  // Queues a read into the buffer of `slot`, which must be free. It starts with the next submit.
  void read(unsigned slot, const FileRef& file, Bytes offset, Bytes length);
  // The same, into the page cache only. If `mapped` is not empty, it maps these bytes of the file
  // and is populated, which copies nothing; what cannot be populated is read, which tells why.
  void read_into_page_cache(unsigned slot, const FileRef& file, Bytes offset, Bytes length,
                            std::span<std::byte> mapped = {});

  // False if threads read because io_uring is forbidden.
  bool io_uring() const noexcept { return io_uring_; }

  // Starts what is queued.
  void submit() { ring_->submit(); }
  // The same, and waits until at least `count` requests have ended.
  void submit_and_wait(unsigned count) { ring_->submit_and_wait(count); }

  // Calls `ended(slot)` for every read that has ended; the slot is free again when it returns.
  // Returns true if there was any request to look at. Throws the error of a read, and
  // ErrorKind::corrupt for a file that ends before the read does.
  template <typename Ended>
  bool take_ended(Ended ended) {
    bool continued = false;
    const unsigned looked_at = ring_->for_each_completion([&](const uring::Completion& completion) {
      const auto slot = static_cast<unsigned>(completion.user_data);
      if (advance(requests_[slot], completion.result)) {
        ended(slot);
        requests_[slot].busy = false;
      } else {
        queue(slot);
        continued = true;
      }
    });
    if (continued) {
      submit();
    }
    return looked_at != 0;
  }

  // Makes the end of each request signal `event`, which must outlive the queue. Call once.
  void signal(const base::EventFd& event) { ring_->register_event(event); }
  // Waits for the reads under way. The queue cannot read any more; its buffers stay.
  void close() noexcept { ring_.reset(); }

  std::span<std::byte> buffer(unsigned slot) const noexcept { return buffers_[slot]; }
  // Returns the memory that the buffers hold.
  Bytes buffers() const noexcept { return buffers_.size(); }

 private:
  struct Request {
    bool busy = false;
    FileRef file;
    Bytes offset;
    Bytes length;
    Bytes done;
    // Where the bytes go, or what is populated; neither if the bytes are wanted in the page cache
    // only and are read into `scratch`.
    std::span<std::byte> target;
    std::span<std::byte> populated;
    std::vector<iovec> scratch;
  };

  Request& start(unsigned slot, const FileRef& file, Bytes offset, Bytes length);
  void queue(unsigned slot);
  bool prepare(unsigned slot);
  // True if the request is done.
  static bool advance(Request& request, std::int32_t result);

  IoBuffers buffers_;
  base::Mapping scratch_;
  std::vector<Request> requests_;
  bool io_uring_ = true;
  std::unique_ptr<uring::Ring> ring_;  // its requests use the others
};

}  // namespace faasnap::paging
