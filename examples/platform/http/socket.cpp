// SPDX-License-Identifier: Apache-2.0

#include "http/socket.h"

#include <netdb.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace platform::http {

bool wait_for_socket(int socket, short events, std::chrono::milliseconds patience, int ending) {
  // poll(2) looks at no descriptor that is negative.
  pollfd wanted[] = {{socket, events, 0}, {ending, POLLIN, 0}};
  int ready;
  while ((ready = ::poll(wanted, 2, static_cast<int>(patience.count()))) < 0 && errno == EINTR) {
  }
  return ready > 0 && wanted[1].revents == 0;
}

void describe_socket(int (*get_name)(int, sockaddr*, socklen_t*), int socket, std::string& ip,
                     int& port) {
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

void close_socket(int socket) {
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
}

}  // namespace platform::http
