// SPDX-License-Identifier: Apache-2.0

#include "http/client_stream.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace platform::http {
namespace {

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

ClientStream::~ClientStream() {
  ::shutdown(socket_, SHUT_RDWR);
  ::close(socket_);
}

bool ClientStream::wait(std::chrono::seconds patience, int ending) const {
  return holds_data() || wait_for(POLLIN, patience, ending);
}

bool ClientStream::wait_for(short events, std::chrono::milliseconds patience, int ending) const {
  // poll(2) looks at no descriptor that is negative.
  pollfd wanted[] = {{socket_, events, 0}, {ending, POLLIN, 0}};
  int ready;
  while ((ready = ::poll(wanted, 2, static_cast<int>(patience.count()))) < 0 && errno == EINTR) {
  }
  return ready > 0 && wanted[1].revents == 0;
}

ssize_t ClientStream::read(char* bytes, std::size_t size) {
  if (begin_ == end_) {
    const ssize_t got = receive(buffer_.data(), buffer_.size());
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

void ClientStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  describe(::getpeername, socket_, ip, port);
}

void ClientStream::get_local_ip_and_port(std::string& ip, int& port) const {
  describe(::getsockname, socket_, ip, port);
}

}  // namespace platform::http
