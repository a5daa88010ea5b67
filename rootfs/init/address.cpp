// SPDX-License-Identifier: Apache-2.0

#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
// After sys/socket.h, which it needs.
#include <linux/vm_sockets.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "text.h"

namespace faasnap::init {
namespace {

constexpr int kBacklog = 64;

struct SocketAddress {
  union {
    sockaddr any;
    sockaddr_un unix_path;
    sockaddr_in ipv4;
    sockaddr_vm vsock;
  };
  socklen_t length;
};

std::optional<SocketAddress> unix_address(std::string_view path) {
  SocketAddress address{};
  if (path.empty() || path.size() >= sizeof address.unix_path.sun_path) {
    return std::nullopt;
  }
  address.unix_path.sun_family = AF_UNIX;
  path.copy(address.unix_path.sun_path, path.size());
  address.length = sizeof address.unix_path;
  return address;
}

std::optional<SocketAddress> ipv4_address(std::string_view host, std::string_view port) {
  SocketAddress address{};
  const auto number = parse_number(port);
  if (!number || *number > 0xffff ||
      ::inet_pton(AF_INET, std::string(host).c_str(), &address.ipv4.sin_addr) != 1) {
    return std::nullopt;
  }
  address.ipv4.sin_family = AF_INET;
  address.ipv4.sin_port = htons(static_cast<std::uint16_t>(*number));
  address.length = sizeof address.ipv4;
  return address;
}

std::optional<SocketAddress> vsock_address(std::string_view cid, std::string_view port) {
  SocketAddress address{};
  const auto cid_number = parse_number(cid);
  const auto port_number = parse_number(port);
  if (!cid_number || !port_number || *cid_number > UINT32_MAX || *port_number > UINT32_MAX) {
    return std::nullopt;
  }
  address.vsock.svm_family = AF_VSOCK;
  address.vsock.svm_cid = static_cast<std::uint32_t>(*cid_number);
  address.vsock.svm_port = static_cast<std::uint32_t>(*port_number);
  address.length = sizeof address.vsock;
  return address;
}

std::optional<SocketAddress> parse_address(std::string_view text) {
  const auto [kind, rest] = split(text, ':');
  const auto [host, port] = split(rest, ':');
  if (kind == "unix") {
    return unix_address(rest);
  }
  if (kind == "tcp") {
    return ipv4_address(host, port);
  }
  return kind == "vsock" ? vsock_address(host, port) : std::nullopt;
}

}  // namespace

Listener listen_on(const std::string& address, const char* word) {
  auto target = parse_address(address);
  if (!target) {
    die("%s=%s: expected vsock:CID:PORT, unix:PATH or tcp:A.B.C.D:PORT", word, address.c_str());
  }
  const int family = target->any.sa_family;
  Fd socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!socket.is_open() ||
      (family == AF_INET &&
       ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) ||
      ::bind(socket.get(), &target->any, target->length) != 0 ||
      ::listen(socket.get(), kBacklog) != 0 ||
      ::getsockname(socket.get(), &target->any, &target->length) != 0) {
    die("%s=%s: %s", word, address.c_str(), std::strerror(errno));
  }
  if (family != AF_INET) {
    return {std::move(socket), address};
  }
  char host[INET_ADDRSTRLEN];
  ::inet_ntop(AF_INET, &target->ipv4.sin_addr, host, sizeof host);
  return {std::move(socket), format("tcp:%s:%u", host, ntohs(target->ipv4.sin_port))};
}

}  // namespace faasnap::init
