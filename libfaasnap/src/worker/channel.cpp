// SPDX-License-Identifier: Apache-2.0

#include "worker/channel.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace faasnap::worker {
namespace {

// Room for one descriptor more than is allowed, so that too many are seen rather than cut off.
constexpr std::size_t kControlRoom = CMSG_SPACE((kMaximumFiles + 1) * sizeof(int));

void attach(msghdr& message, std::span<std::byte, kControlRoom> control,
            std::span<const int> files) {
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(files.size_bytes());
  cmsghdr* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(files.size_bytes());
  std::memcpy(CMSG_DATA(head), files.data(), files.size_bytes());
}

// Takes ownership of every descriptor that came with the packet.
std::vector<base::UniqueFd> take_files(msghdr& message) {
  std::vector<base::UniqueFd> files;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(fd));
      files.emplace_back(fd);
    }
  }
  return files;
}

}  // namespace

std::pair<base::UniqueFd, base::UniqueFd> Channel::make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    base::fail_errno("create the socket of a worker");
  }
  return {base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

void Channel::send(std::uint32_t kind, std::uint64_t call, std::span<const std::byte> body,
                   std::span<const int> files) {
  const Message head{.kind = kind, .call = call};
  alignas(cmsghdr) std::array<std::byte, kControlRoom> control{};
  const std::lock_guard lock(sending_);
  do {
    const auto piece = body.first(std::min(body.size(), kPacketBody));
    body = body.subspan(piece.size());
    auto header = encode_header(head, !body.empty());
    std::array<iovec, 2> parts{
        iovec{header.data(), header.size()},
        iovec{const_cast<std::byte*>(piece.data()), piece.size()},
    };
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    if (!files.empty()) {
      attach(message, control, files);
      files = {};
    }
    if (base::retry_eintr([&] { return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL); }) < 0) {
      if (errno == EPIPE || errno == ECONNRESET) {
        base::fail(ErrorKind::guest, "send to worker", {}, "the connection is closed");
      }
      base::fail_errno("send to worker");
    }
  } while (!body.empty());
}

std::optional<Message> Channel::receive() {
  for (;;) {
    alignas(cmsghdr) std::array<std::byte, kControlRoom> control{};
    iovec part{packet_.data(), packet_.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got =
        base::retry_eintr([&] { return ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC); });
    auto files = got < 0 ? std::vector<base::UniqueFd>{} : take_files(message);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
      return std::nullopt;
    }
    if (got < 0) {
      base::fail_errno("receive from worker");
    }
    if ((message.msg_flags & MSG_TRUNC) != 0) {
      base::fail(ErrorKind::corrupt, "receive from worker", {}, "packet is too large");
    }
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
      files.clear();
    }
    const auto packet = std::span(packet_).first(static_cast<std::size_t>(got));
    if (auto complete = reader_.add(packet, std::move(files))) {
      return complete;
    }
  }
}

void Channel::limit_sending(Nanoseconds limit) {
  const timeval value{.tv_sec = std::chrono::ceil<std::chrono::seconds>(limit).count(),
                      .tv_usec = 0};
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &value, sizeof(value)) != 0) {
    base::fail_errno("limit sending to worker");
  }
}

}  // namespace faasnap::worker
