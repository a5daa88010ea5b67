// SPDX-License-Identifier: Apache-2.0

#include "http/socket_stream.h"

#include <algorithm>
#include <cerrno>

#include "http/socket.h"

namespace platform::http {

SocketStream::~SocketStream() { close_socket(socket_); }

bool SocketStream::wait(std::chrono::seconds patience, int ending) const {
  return begin_ != end_ || wait_for_socket(socket_, POLLIN, patience, ending);
}

bool SocketStream::is_readable() const {
  return begin_ != end_ || wait_for_socket(socket_, POLLIN, patience_);
}

bool SocketStream::is_writable() const { return wait_for_socket(socket_, POLLOUT, patience_); }

ssize_t SocketStream::read(char* bytes, std::size_t size) {
  if (begin_ == end_) {
    if (!is_readable()) {
      return -1;
    }
    ssize_t got;
    while ((got = ::recv(socket_, buffer_.data(), buffer_.size(), 0)) < 0 && errno == EINTR) {
    }
    if (got <= 0) {
      return got;
    }
    begin_ = 0;
    end_ = static_cast<std::size_t>(got);
  }
  const std::size_t count = std::min(size, end_ - begin_);
  std::copy_n(buffer_.data() + begin_, count, bytes);
  begin_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t SocketStream::write(const char* bytes, std::size_t size) {
  if (!is_writable()) {
    return -1;
  }
  ssize_t put;
  // One piece at a time, or a client that takes nothing would hold the thread beyond its patience.
  while ((put = ::send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT)) < 0 && errno == EINTR) {
  }
  return put;
}

void SocketStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  describe_socket(::getpeername, socket_, ip, port);
}

void SocketStream::get_local_ip_and_port(std::string& ip, int& port) const {
  describe_socket(::getsockname, socket_, ip, port);
}

}  // namespace platform::http
