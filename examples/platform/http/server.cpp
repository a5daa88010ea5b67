// SPDX-License-Identifier: Apache-2.0

#include "http/server.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "http/connections.h"
#include "http/socket_stream.h"

namespace platform::http {
namespace {

// How long a connection may wait for its next request, and one read or write of it.
constexpr std::chrono::seconds kKeepAlive{60};
constexpr std::chrono::seconds kTransfer{30};
// A zip archive of 50 MiB, Lambda's limit, in base64.
constexpr std::size_t kMostBody = 70 << 20;

}  // namespace

Server::Server() : ending_(::eventfd(0, EFD_CLOEXEC)) {
  if (ending_ < 0) {
    throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  new_task_queue = [] { return new Connections; };
  // What its replies promise; process_and_close_socket keeps it.
  set_keep_alive_timeout(kKeepAlive.count());
  set_keep_alive_max_count(1'000'000);
  set_payload_max_length(kMostBody);
  set_tcp_nodelay(true);
  // The library's own choice is SO_REUSEPORT, with which two platforms would share a port.
  set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
}

Server::~Server() { ::close(ending_); }

void Server::adopt(int socket) { svr_sock_ = socket; }

int Server::bind(const std::string& host, int port) {
  errno = 0;
  const int bound = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
  if (bound < 0) {
    throw std::runtime_error(fmt::format("cannot listen on {} port {}: {}", host, port,
                                         errno == 0 ? "no such address" : std::strerror(errno)));
  }
  return bound;
}

std::thread Server::start() {
  std::thread serving([this] { listen_after_bind(); });
  // The library does not end a server that does not run yet.
  while (!is_running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return serving;
}

void Server::end() {
  const std::uint64_t one = 1;
  // Cannot fail for a counter that is 0.
  [[maybe_unused]] const auto written = ::write(ending_, &one, sizeof one);
  // The library's own stop() would cut off answers that go out in pieces. Without it the library
  // takes the failure to accept for the end, and closes the socket.
  ::shutdown(svr_sock_, SHUT_RDWR);
}

void Server::use(std::shared_ptr<const TlsIdentity> identity) {
  const std::lock_guard lock(identity_mutex_);
  identity_ = std::move(identity);
}

// The library's own loop notices the end only when a client sends its next request.
void Server::answer(ClientStream& connection) {
  bool closed = false;
  while (!closed && connection.wait(kKeepAlive, ending_) &&
         process_request(connection, false, closed, nullptr)) {
  }
}

bool Server::process_and_close_socket(socket_t socket) {
  std::shared_ptr<const TlsIdentity> identity;
  {
    const std::lock_guard lock(identity_mutex_);
    identity = identity_;
  }
  if (identity == nullptr) {
    SocketStream connection(socket, kTransfer);
    answer(connection);
    return true;
  }
  TlsStream connection(socket, std::move(identity), kTransfer, ending_);
  if (connection.accept()) {
    answer(connection);
  }
  return true;
}

}  // namespace platform::http
