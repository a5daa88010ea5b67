#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/fd.h"

struct io_uring;
struct io_uring_sqe;

namespace faasnap::uring {

// Whether this process may use io_uring. `reason` says why not, and what would change that.
struct Availability {
  bool available = false;
  std::string reason;

  explicit operator bool() const noexcept { return available; }
};

// Finds out by setting up a small ring and tearing it down.
Availability available();

// How one request ended: bytes read, or a negative errno value.
struct Completion {
  std::uint64_t user_data = 0;
  std::int32_t result = 0;
};

// An io_uring instance for reads of regular files and block devices (io_uring(7)).
//
// For one thread at a time: it may be made on one thread and used on another, but whichever thread
// submits must live until its requests have completed. Descriptors and buffers belong to the caller
// and must stay valid until the request's completion has been taken; the destructor waits for what
// is still under way, so whatever the requests use must be destroyed after the ring. Errors of the
// ring itself throw faasnap::Error, those of a request are in its completion.
class Ring {
 public:
  // Up to `entries` requests (rounded up to a power of two, at most kMaximumEntries) can be under
  // way at once. Throws ErrorKind::unsupported where the kernel or a filter forbids io_uring.
  explicit Ring(unsigned entries);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  static constexpr unsigned kMaximumEntries = 4096;

  // Queue a read of `buffer.size()` bytes from `offset`. Nothing starts before a submit. False,
  // with nothing queued, while capacity() requests are queued or under way: take completions first.
  // A read may end short, as preadv(2) may.
  [[nodiscard]] bool prepare_read(const base::UniqueFd& fd, std::span<std::byte> buffer,
                                  std::uint64_t offset, std::uint64_t user_data);
  // The array `pieces` must stay valid as long as the buffers that it names; at most IOV_MAX long.
  [[nodiscard]] bool prepare_readv(const base::UniqueFd& fd, std::span<const iovec> pieces,
                                   std::uint64_t offset, std::uint64_t user_data);

  // Queue madvise(2) of a file mapping with MADV_POPULATE_READ: what the file has there comes into
  // the page cache and the page tables. Its result is 0, or -EFAULT where the file cannot be read.
  [[nodiscard]] bool prepare_populate(std::span<std::byte> mapped, std::uint64_t user_data);

  // Starts everything queued.
  void submit();
  // The same, and waits until at least `count` completions can be taken; `count` is at most
  // outstanding().
  void submit_and_wait(unsigned count);

  // The next completion, in no particular order; nothing when none is there yet. Does not wait.
  std::optional<Completion> take_completion() noexcept;
  // Calls `handle` with each completion that is there, including those that arrive meanwhile, and
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

  // From now on each completion signals `event`, which must outlive the ring: this is how an
  // EventLoop learns of them. Drain the event before taking the completions. Call at most once.
  void register_event(const base::EventFd& event);

  unsigned capacity() const noexcept { return capacity_; }
  // Requests queued or under way: their completions have not been taken.
  unsigned outstanding() const noexcept { return outstanding_; }

 private:
  // The entry of a further request, counted as outstanding; null when there is no room.
  io_uring_sqe* next_entry() noexcept;

  std::unique_ptr<io_uring> ring_;
  unsigned capacity_ = 0;
  unsigned outstanding_ = 0;
};

}  // namespace faasnap::uring
