// SPDX-License-Identifier: Apache-2.0

#include "http/socket_stream.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace platform::http {
namespace {

bool is_ready(int socket, short events, std::chrono::milliseconds patience) {
  pollfd wanted{socket, events, 0};
  int ready;
  while ((ready = ::poll(&wanted, 1, static_cast<int>(patience.count()))) < 0 && errno == EINTR) {
  }
  return ready > 0;
}

void describe(int (*get_name)(int, sockaddr*, socklen_t*), int socket, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char host[NI_MAXHOST];
  char service[NI_MAXSERV];
  auto* name = reinterpret_cast<sockaddr*>(&address);
  if (get_name(socket, name, &length) == 0 &&
      ::getnameinfo(name, length, host, sizeof host, service, sizeof service,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
    ip = host;
    port = std::atoi(service);
  }
}

}  // namespace

SocketStream::~SocketStream() {
  ::shutdown(socket_, SHUT_RDWR);
  ::close(socket_);
}

bool SocketStream::wait(std::chrono::seconds patience, int ending) const {
  if (begin_ != end_) {
    return true;
  }
  pollfd wanted[] = {{socket_, POLLIN, 0}, {ending, POLLIN, 0}};
  int ready;
  const std::chrono::milliseconds limit = patience;
  while ((ready = ::poll(wanted, 2, static_cast<int>(limit.count()))) < 0 && errno == EINTR) {
  }
  return ready > 0 && wanted[1].revents == 0;
}

bool SocketStream::is_readable() const {
  return begin_ != end_ || is_ready(socket_, POLLIN, patience_);
}

bool SocketStream::is_writable() const { return is_ready(socket_, POLLOUT, patience_); }

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
  describe(::getpeername, socket_, ip, port);
}

void SocketStream::get_local_ip_and_port(std::string& ip, int& port) const {
  describe(::getsockname, socket_, ip, port);
}

}  // namespace platform::http
