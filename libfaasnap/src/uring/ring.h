// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/files/fd.h"

namespace faasnap::uring {

// Says whether this process may use io_uring. `reason` says why not and what would change that.
struct Availability {
  bool available = false;
  std::string reason;

  explicit operator bool() const noexcept { return available; }
};

// Sets up a small ring and tears it down to find out.
Availability available();

// The result of one request: the bytes read or written, or a negative errno value.
struct Completion {
  std::uint64_t user_data = 0;
  std::int32_t result = 0;
};

// Reads and writes of regular files and block devices, many at once, without waiting for each:
// io_uring(7), or threads that call preadv(2) and so on where the kernel or a filter forbids
// io_uring. Requests are carried out in any order, whatever the order in which they were queued.
//
// For one thread at a time. A ring may be made on one thread and used on another, but a thread that
// submits must live until its requests have completed. Descriptors and buffers belong to the caller
// and must stay valid until the request's completion has been taken. The destructor waits for
// outstanding requests, so what they use must be destroyed after the ring. Errors of the ring
// itself throw faasnap::Error; errors of a request are in its completion. A request's `user_data`
// is not kCancellation.
class Ring {
 public:
  // Allows up to `entries` requests at once, rounded up to a power of two, at most kMaximumEntries.
  static std::unique_ptr<Ring> make(unsigned entries);
  // Does the same with threads, whether io_uring is available or not.
  static std::unique_ptr<Ring> make_of_threads(unsigned entries);
  virtual ~Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  static constexpr unsigned kMaximumEntries = 4096;
  // Marks the completions of cancel(), which no caller sees.
  static constexpr std::uint64_t kCancellation = ~std::uint64_t{0};

  // Queues a read of `buffer.size()` bytes from `offset`, which starts with the next submit.
  // Returns false, and queues nothing, if capacity() requests are outstanding: take completions
  // first. A read may be short, as with preadv(2).
  [[nodiscard]] bool prepare_read(const base::UniqueFd& fd, std::span<std::byte> buffer,
                                  std::uint64_t offset, std::uint64_t user_data);
  // `pieces` has at most IOV_MAX elements and must stay valid as long as the buffers that it names.
  [[nodiscard]] bool prepare_readv(const base::UniqueFd& fd, std::span<const iovec> pieces,
                                   std::uint64_t offset, std::uint64_t user_data);

  // Queues a write of the pieces to `offset`. It may be short, as with pwritev(2).
  [[nodiscard]] bool prepare_writev(const base::UniqueFd& fd, std::span<const iovec> pieces,
                                    std::uint64_t offset, std::uint64_t user_data);
  // Queues fdatasync(2), which covers the writes that have completed before. Its result is 0.
  [[nodiscard]] bool prepare_sync(const base::UniqueFd& fd, std::uint64_t user_data);
  // Queues fallocate(2) that makes the bytes a hole, which reads as zeros, and keeps the size. Its
  // result is 0, or -EOPNOTSUPP if the file system has no holes.
  [[nodiscard]] bool prepare_punch(const base::UniqueFd& fd, std::uint64_t offset,
                                   std::uint64_t length, std::uint64_t user_data);

  // Queues madvise(2) with MADV_POPULATE_READ for a file mapping: brings the file's pages into the
  // page cache and the page tables. Its result is 0, or -EFAULT if the file cannot be read.
  [[nodiscard]] bool prepare_populate(std::span<std::byte> mapped, std::uint64_t user_data);

  // Asks for the outstanding requests with this `user_data` to end early. Each still has a
  // completion, with what it has done, -ECANCELED or -EINTR. What a disk is busy with is not
  // ended. Starts all queued requests.
  virtual void cancel(std::uint64_t user_data) = 0;

  // Starts all queued requests.
  void submit() { submit_and_wait(0); }
  // Does the same, and waits until at least `count` completions can be taken, fewer if requests
  // were cancelled; `count` is at most outstanding().
  virtual void submit_and_wait(unsigned count) = 0;

  // Returns the next completion, in no particular order, or nothing if there is none yet. Does not
  // wait.
  std::optional<Completion> take_completion() noexcept;
  // Calls `handle` with each available completion, including those that arrive meanwhile, and
  // returns how many there were. `handle` may prepare and submit further requests.
  template <typename Handler>
  unsigned for_each_completion(Handler handle) {
    unsigned count = 0;
    while (const auto completion = take_completion()) {
      handle(*completion);
      ++count;
    }
    return count;
  }

  // Signals `event`, which must outlive the ring, on each completion from now on; an EventLoop can
  // wait for it. Drain the event before taking the completions. May be called once.
  virtual void register_event(const base::EventFd& event) = 0;

  // True if threads do the work because io_uring is forbidden.
  virtual bool of_threads() const noexcept = 0;
  unsigned capacity() const noexcept { return capacity_; }
  // Returns the number of requests, queued or started, whose completions have not been taken.
  unsigned outstanding() const noexcept { return outstanding_; }

 protected:
  enum class Operation { read, readv, writev, sync, punch, populate };
  struct Request {
    Operation operation = Operation::read;
    const base::UniqueFd* fd = nullptr;  // null for populate
    std::span<std::byte> bytes{};        // for read and populate
    std::span<const iovec> pieces{};     // for readv and writev
    std::uint64_t offset = 0;
    std::uint64_t length = 0;  // for punch
    std::uint64_t user_data = 0;
  };

  Ring() = default;
  void set_capacity(unsigned capacity) noexcept { capacity_ = capacity; }
  // There is room for one more.
  virtual void queue(const Request& request) = 0;
  virtual std::optional<Completion> next_completion() noexcept = 0;

 private:
  bool prepare(const Request& request);

  unsigned capacity_ = 0;
  unsigned outstanding_ = 0;
};

}  // namespace faasnap::uring
