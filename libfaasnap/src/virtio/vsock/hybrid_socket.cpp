// SPDX-License-Identifier: Apache-2.0

#include "virtio/vsock/hybrid_socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace faasnap::virtio {
namespace {

constexpr std::string_view kCommand = "CONNECT ";
// The longest line, "CONNECT 4294967295\n", has 19 bytes.
constexpr std::size_t kMaximumLine = 32;
// How often accepting is tried again while the process has no descriptor for a client.
constexpr Nanoseconds kRetry = std::chrono::milliseconds(10);

// Returns the port of "CONNECT <port>", without its line end.
std::optional<std::uint32_t> parse_command(std::string_view line) {
  if (!line.starts_with(kCommand)) {
    return std::nullopt;
  }
  line.remove_prefix(kCommand.size());
  return base::parse_number<std::uint32_t>(line);
}

}  // namespace

HybridSocket::HybridSocket(base::EventLoop& loop, base::UniqueFd listener, Request on_request)
    : loop_(loop),
      on_request_(std::move(on_request)),
      listener_(std::move(listener)),
      retry_(loop, [this] { accept_clients(); }) {
  // Edge-triggered: a connection that cannot be accepted (EMFILE) must not keep the loop busy.
  loop_.watch(listener_.get(), EPOLLIN | EPOLLET, [this](std::uint32_t) { accept_clients(); });
}

HybridSocket::~HybridSocket() {
  loop_.unwatch(listener_.get());
  for (const auto& [id, client] : pending_) {
    loop_.unwatch(client.get());
  }
}

void HybridSocket::accept_clients() {
  while (true) {
    base::UniqueFd client(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client) {
      add_client(std::move(client));
      continue;
    }
    switch (errno) {
      case EINTR:
      case ECONNABORTED:
        continue;  // this client has gone; there may be others
      case EMFILE:
      case ENFILE:
      case ENOMEM:
      case ENOBUFS:
        // The client waits until there is one, although no further edge comes.
        retry_.start(kRetry);
        return;
      default:
        return;  // no more clients
    }
  }
}

void HybridSocket::add_client(base::UniqueFd client) {
  if (pending_.size() == kMaximumPending) {
    loop_.unwatch(pending_.begin()->second.get());
    pending_.erase(pending_.begin());
  }
  const std::uint64_t id = next_id_++;
  try {
    loop_.watch(client.get(), EPOLLIN | EPOLLRDHUP | EPOLLET,
                [this, id](std::uint32_t events) { on_client(id, events); });
  } catch (const Error&) {
    return;  // the kernel has no room to watch it: this client ends, the others stay
  }
  pending_.emplace(id, std::move(client));
}

void HybridSocket::on_client(std::uint64_t id, std::uint32_t events) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) {
    return;
  }
  const base::UniqueFd& client = found->second;
  // Peeks first and takes only up to the line's end: the data after it are for the guest.
  std::array<char, kMaximumLine> raw;
  const ssize_t length =
      base::retry_eintr([&] { return ::recv(client.get(), raw.data(), raw.size(), MSG_PEEK); });
  const std::string_view text(raw.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
  const std::size_t line_end = text.find('\n');
  const bool ended = (events & (EPOLLHUP | EPOLLRDHUP)) != 0;
  if (line_end == std::string_view::npos && text.size() < kMaximumLine && !ended) {
    return;  // the rest comes with another edge
  }
  const auto port =
      line_end == std::string_view::npos ? std::nullopt : parse_command(text.substr(0, line_end));
  loop_.unwatch(client.get());
  base::UniqueFd stream = std::move(found->second);
  pending_.erase(found);
  if (port &&
      ::recv(stream.get(), raw.data(), line_end + 1, 0) == static_cast<ssize_t>(line_end + 1)) {
    on_request_(*port, std::move(stream));
  }
}

}  // namespace faasnap::virtio
