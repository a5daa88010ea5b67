// SPDX-License-Identifier: Apache-2.0

#include "http/socket_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace platform::http {

bool SocketStream::is_readable() const { return holds_data() || wait_for(POLLIN, patience()); }

bool SocketStream::is_writable() const { return wait_for(POLLOUT, patience()); }

ssize_t SocketStream::receive(char* bytes, std::size_t size) {
  if (!is_readable()) {
    return -1;
  }
  ssize_t got;
  while ((got = ::recv(socket(), bytes, size, 0)) < 0 && errno == EINTR) {
  }
  return got;
}

ssize_t SocketStream::write(const char* bytes, std::size_t size) {
  if (!is_writable()) {
    return -1;
  }
  ssize_t put;
  // One piece at a time, or a client that takes nothing would hold the thread beyond its patience.
  while ((put = ::send(socket(), bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT)) < 0 && errno == EINTR) {
  }
  return put;
}

}  // namespace platform::http
