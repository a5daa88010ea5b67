// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_NETLINK_H_
#define FAASNAP_INIT_NETLINK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "fd.h"

namespace faasnap::init {

// A request to the kernel: a fixed head, then attributes (netlink(7)).
class NetlinkRequest {
 public:
  template <typename Head>
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, const Head& head)
      : type_(type), flags_(flags) {
    append(std::string_view(reinterpret_cast<const char*>(&head), sizeof head));
  }

  void add(std::uint16_t attribute, std::string_view value);
  void add(std::uint16_t attribute, std::uint32_t value) {
    add(attribute, std::string_view(reinterpret_cast<const char*>(&value), sizeof value));
  }

 private:
  friend class Netlink;
  void append(std::string_view bytes);

  const std::uint16_t type_;
  const std::uint16_t flags_;
  std::string body_;
};

// A connection to one of the kernel's netlink families.
class Netlink {
 public:
  explicit Netlink(int family);

  // Carries out the request, and returns 0 or the error's errno.
  int ask(const NetlinkRequest& request);
  // Calls `take` with the body of each message of the answer. Returns as ask().
  int dump(const NetlinkRequest& request, const std::function<void(std::string_view)>& take);

 private:
  int exchange(const NetlinkRequest& request, std::uint16_t flags,
               const std::function<void(std::string_view)>& take);

  Fd socket_;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_NETLINK_H_
