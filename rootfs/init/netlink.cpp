// SPDX-License-Identifier: Apache-2.0

#include "netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace faasnap::init {
namespace {

// The kernel sends no larger piece of a dump to a program that has not asked for one.
constexpr std::size_t kLargestPiece = 32 << 10;

}  // namespace

void NetlinkRequest::append(std::string_view bytes) {
  body_ += bytes;
  body_.resize(NLMSG_ALIGN(body_.size()));
}

void NetlinkRequest::add(std::uint16_t attribute, std::string_view value) {
  const rtattr head{static_cast<std::uint16_t>(RTA_LENGTH(value.size())), attribute};
  body_.append(reinterpret_cast<const char*>(&head), sizeof head);
  append(value);
}

Netlink::Netlink(int family) : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family)) {}

int Netlink::ask(const NetlinkRequest& request) {
  return exchange(request, NLM_F_ACK, [](std::string_view) {});
}

int Netlink::dump(const NetlinkRequest& request,
                  const std::function<void(std::string_view)>& take) {
  return exchange(request, NLM_F_DUMP, take);
}

int Netlink::exchange(const NetlinkRequest& request, std::uint16_t flags,
                      const std::function<void(std::string_view)>& take) {
  nlmsghdr head{};
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + request.body_.size());
  head.nlmsg_type = request.type_;
  head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | request.flags_ | flags);
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  bytes += request.body_;
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) {
    return errno;
  }
  std::string piece(kLargestPiece, '\0');
  for (;;) {
    const ssize_t received = ::recv(socket_.get(), piece.data(), piece.size(), 0);
    if (received < 0) {
      return errno;
    }
    auto left = static_cast<std::uint32_t>(received);
    for (auto* message = reinterpret_cast<nlmsghdr*>(piece.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) {
        return 0;
      }
      if (message->nlmsg_type == NLMSG_ERROR) {
        return -static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error;
      }
      take({static_cast<const char*>(NLMSG_DATA(message)), NLMSG_PAYLOAD(message, 0)});
    }
  }
}

}  // namespace faasnap::init
