// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <utility>

namespace faasnap::base {

// Owns one file descriptor and closes it. Movable; not safe to use from two threads at once.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  // Releases the descriptor: the caller must close it.
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

// An eventfd: a counter that wakes its pollers. Non-blocking, close-on-exec.
class EventFd {
 public:
  EventFd();
  int get() const noexcept { return fd_.get(); }
  // May be called from any thread and from a signal handler.
  void signal() const noexcept;
  // Resets the counter to zero. Returns false if it was zero.
  bool drain() const noexcept;

 private:
  UniqueFd fd_;
};

// Returns a connected pair of stream sockets (AF_UNIX), close-on-exec, blocking.
std::pair<UniqueFd, UniqueFd> make_stream_pair();

// Makes reads and writes of the descriptor return EAGAIN instead of waiting.
void set_non_blocking(const UniqueFd& fd);

}  // namespace faasnap::base
