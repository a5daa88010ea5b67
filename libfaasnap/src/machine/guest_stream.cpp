// SPDX-License-Identifier: Apache-2.0

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <faasnap/guest_stream.h>

#include "base/deadline.h"
#include "base/error.h"

namespace faasnap {
namespace {

// Rounds up, so that a poll never ends just before the deadline and spins.
int poll_milliseconds(Nanoseconds left) {
  if (left == kForever) {
    return -1;
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<long long>(milliseconds, std::numeric_limits<int>::max()));
}

void wait_for(int socket, short events, const base::Deadline& deadline, const char* operation) {
  for (;;) {
    pollfd entry{socket, events, 0};
    const int left = poll_milliseconds(deadline.remaining(operation));
    const int ready = base::retry_eintr([&] { return ::poll(&entry, 1, left); });
    if (ready < 0) {
      base::fail_errno(operation);
    }
    if (ready > 0) {
      return;
    }
  }
}

bool would_block(int error_number) { return error_number == EAGAIN || error_number == EWOULDBLOCK; }

}  // namespace

GuestStream::GuestStream(int socket) noexcept : socket_(socket) {}

GuestStream::GuestStream(GuestStream&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)) {}

GuestStream& GuestStream::operator=(GuestStream&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}

GuestStream::~GuestStream() {
  if (socket_ >= 0) {
    ::close(socket_);
  }
}

std::size_t GuestStream::read(std::span<std::byte> out, Nanoseconds timeout) {
  static constexpr const char* kOperation = "read from guest";
  if (out.empty()) {
    base::fail(ErrorKind::invalid_argument, kOperation, {}, "expected room for at least one byte");
  }
  const base::Deadline deadline(timeout);
  for (;;) {
    const ssize_t got =
        base::retry_eintr([&] { return ::recv(socket_, out.data(), out.size(), MSG_DONTWAIT); });
    if (got >= 0) {
      return static_cast<std::size_t>(got);
    }
    if (errno == ECONNRESET) {
      return 0;  // the other end closed with unread bytes of ours: also the end of the stream
    }
    if (!would_block(errno)) {
      base::fail_errno(kOperation);
    }
    wait_for(socket_, POLLIN, deadline, kOperation);
  }
}

void GuestStream::write(std::span<const std::byte> data, Nanoseconds timeout) {
  static constexpr const char* kOperation = "write to guest";
  const base::Deadline deadline(timeout);
  while (!data.empty()) {
    const ssize_t put = base::retry_eintr(
        [&] { return ::send(socket_, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL); });
    if (put >= 0) {
      data = data.subspan(static_cast<std::size_t>(put));
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
      base::fail(ErrorKind::guest, kOperation, {}, "the guest has closed the connection");
    }
    if (!would_block(errno)) {
      base::fail_errno(kOperation);
    }
    wait_for(socket_, POLLOUT, deadline, kOperation);
  }
}

void GuestStream::shutdown_write() {
  // ENOTCONN: the other end is closed, so there is nothing to end.
  if (::shutdown(socket_, SHUT_WR) != 0 && errno != ENOTCONN) {
    base::fail_errno("end writing to guest");
  }
}

int GuestStream::release() noexcept { return std::exchange(socket_, -1); }

}  // namespace faasnap
