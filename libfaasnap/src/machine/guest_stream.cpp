// SPDX-License-Identifier: Apache-2.0

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include <faasnap/guest_stream.h>

#include "base/deadline.h"
#include "base/error.h"
#include "base/files/poll.h"

namespace faasnap {
namespace {

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
    base::wait_ready(socket_, POLLIN, deadline, kOperation);
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
    base::wait_ready(socket_, POLLOUT, deadline, kOperation);
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
