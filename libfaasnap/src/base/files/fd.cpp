// SPDX-License-Identifier: Apache-2.0

#include "base/files/fd.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#include "base/error.h"

namespace faasnap::base {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void UniqueFd::reset() noexcept {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
}

EventFd::EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) {
    fail_errno("create eventfd");
  }
}

void EventFd::signal() const noexcept {
  const std::uint64_t one = 1;
  // Fails only if the counter is at its maximum, which wakes the reader as well.
  [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof(one));
}

bool EventFd::drain() const noexcept {
  std::uint64_t count = 0;
  return ::read(fd_.get(), &count, sizeof(count)) == sizeof(count);
}

std::pair<UniqueFd, UniqueFd> make_stream_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    fail_errno("create socket pair");
  }
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void set_non_blocking(const UniqueFd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    fail_errno("set O_NONBLOCK");
  }
}

}  // namespace faasnap::base
