// SPDX-License-Identifier: Apache-2.0

#include "network.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "fd.h"
#include "netlink.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr const char* kInterface = "eth0";
constexpr const char* kResolvConf = "/etc/resolv.conf";
// The states of a connection (TCP_ESTABLISHED and so on) that can be reset.
constexpr std::uint32_t kConnected = 1 << TCP_ESTABLISHED | 1 << TCP_SYN_SENT | 1 << TCP_SYN_RECV |
                                     1 << TCP_FIN_WAIT1 | 1 << TCP_FIN_WAIT2 | 1 << TCP_CLOSE_WAIT |
                                     1 << TCP_LAST_ACK | 1 << TCP_CLOSING;

NetlinkRequest link_request(unsigned index, bool up) {
  ifinfomsg head{};
  head.ifi_index = static_cast<int>(index);
  head.ifi_flags = up ? IFF_UP : 0;
  head.ifi_change = IFF_UP;
  return {RTM_NEWLINK, 0, head};
}

int remove_addresses(Netlink& netlink, unsigned index) {
  std::vector<NetlinkRequest> removals;
  const int error = netlink.dump({RTM_GETADDR, 0, ifaddrmsg{}}, [&](std::string_view message) {
    ifaddrmsg head;
    std::memcpy(&head, message.data(), sizeof head);
    if (head.ifa_index != index) {
      return;
    }
    auto left = static_cast<unsigned>(message.size() - NLMSG_ALIGN(sizeof head));
    auto* attribute = reinterpret_cast<const rtattr*>(message.data() + NLMSG_ALIGN(sizeof head));
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
      // Of IPv4 the local address; IPv6 has it here if the other end has none.
      if (attribute->rta_type == (head.ifa_family == AF_INET ? IFA_LOCAL : IFA_ADDRESS)) {
        removals.emplace_back(RTM_DELADDR, 0, head)
            .add(attribute->rta_type,
                 {static_cast<const char*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute)});
      }
    }
  });
  for (const NetlinkRequest& removal : removals) {
    // What has gone meanwhile need not be removed.
    netlink.ask(removal);
  }
  return error;
}

int add_address(Netlink& netlink, unsigned index, const IpAddress& address) {
  ifaddrmsg head{};
  head.ifa_family = static_cast<std::uint8_t>(address.family);
  head.ifa_prefixlen = static_cast<std::uint8_t>(address.prefix);
  // The host knows that nobody else has the address: it may be used at once.
  head.ifa_flags = address.family == AF_INET6 ? IFA_F_NODAD : 0;
  head.ifa_index = index;
  NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, head);
  request.add(IFA_LOCAL, address.bytes);
  request.add(IFA_ADDRESS, address.bytes);
  return netlink.ask(request);
}

// The gateway need not be on the network of an address.
int add_default_route(Netlink& netlink, unsigned index, const IpAddress& gateway) {
  rtmsg head{};
  head.rtm_family = static_cast<std::uint8_t>(gateway.family);
  head.rtm_table = RT_TABLE_MAIN;
  head.rtm_protocol = RTPROT_BOOT;
  head.rtm_scope = RT_SCOPE_UNIVERSE;
  head.rtm_type = RTN_UNICAST;
  head.rtm_flags = RTNH_F_ONLINK;
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, head);
  request.add(RTA_GATEWAY, gateway.bytes);
  request.add(RTA_OIF, index);
  return netlink.ask(request);
}

bool is_loopback(const inet_diag_msg& connection) {
  const auto* address = reinterpret_cast<const unsigned char*>(connection.id.idiag_src);
  if (connection.idiag_family == AF_INET) {
    return address[0] == 127;
  }
  in6_addr full;
  std::memcpy(&full, address, sizeof full);
  return IN6_IS_ADDR_LOOPBACK(&full) || (IN6_IS_ADDR_V4MAPPED(&full) && full.s6_addr[12] == 127);
}

// Returns how many TCP connections it has reset; nothing if the kernel cannot.
std::optional<std::uint64_t> reset_connections() {
  Netlink netlink(NETLINK_SOCK_DIAG);
  std::uint64_t count = 0;
  for (const int family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 wanted{};
    wanted.sdiag_family = static_cast<std::uint8_t>(family);
    wanted.sdiag_protocol = IPPROTO_TCP;
    wanted.idiag_states = kConnected;
    std::vector<NetlinkRequest> resets;
    const int error = netlink.dump({SOCK_DIAG_BY_FAMILY, 0, wanted}, [&](std::string_view message) {
      inet_diag_msg found;
      std::memcpy(&found, message.data(), sizeof found);
      if (!is_loopback(found)) {
        wanted.id = found.id;
        resets.emplace_back(SOCK_DESTROY, 0, wanted);
      }
    });
    if (error != 0) {
      return std::nullopt;
    }
    for (const NetlinkRequest& reset : resets) {
      const int refused = netlink.ask(reset);
      // A connection that has ended meanwhile is not there.
      if (refused != 0 && refused != ENOENT) {
        return std::nullopt;
      }
      count += refused == 0 ? 1 : 0;
    }
  }
  return count;
}

// Replaces the file, which may be a link to somewhere that does not exist.
bool write_resolv_conf(const std::vector<std::string>& servers) {
  std::string text;
  for (const std::string& server : servers) {
    text += "nameserver " + server + "\n";
  }
  const std::string path = format("%s.new", kResolvConf);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  return file.is_open() &&
         ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         ::rename(path.c_str(), kResolvConf) == 0;
}

// Takes the steps one after the other until one fails, whose error it keeps.
class Steps {
 public:
  explicit Steps(std::string& error) : error_(error) {}
  template <typename Step>
  void take(const char* name, Step step) {
    if (!error_.empty()) {
      return;
    }
    if (const int failed = step(); failed != 0) {
      error_ = format("%s: %s", name, std::strerror(failed));
    }
  }

 private:
  std::string& error_;
};

// Tells neighbours of new addresses whenever the interface comes up.
void let_kernel_announce() {
  write_file(format("/proc/sys/net/ipv4/conf/%s/arp_notify", kInterface).c_str(), "1");
  write_file(format("/proc/sys/net/ipv6/conf/%s/ndisc_notify", kInterface).c_str(), "1");
}

}  // namespace

void start_loopback() {
  Netlink netlink(NETLINK_ROUTE);
  if (const int error = netlink.ask(link_request(::if_nametoindex("lo"), true)); error != 0) {
    die("interface lo: %s", std::strerror(error));
  }
}

NetworkChange set_network(const NetworkConfig& config) {
  NetworkChange change;
  const unsigned index = ::if_nametoindex(kInterface);
  if (index == 0) {
    change.error = format("the guest has no interface %s", kInterface);
    return change;
  }
  Netlink netlink(NETLINK_ROUTE);
  Steps steps(change.error);
  const auto add_addresses = [&](int family) {
    for (const IpAddress& address : config.addresses) {
      if (address.family == family) {
        steps.take("add the address", [&] { return add_address(netlink, index, address); });
      }
    }
  };
  // Down, it loses its routes and neighbours, and may get another address of its own.
  steps.take("take the link down", [&] { return netlink.ask(link_request(index, false)); });
  steps.take("remove addresses", [&] { return remove_addresses(netlink, index); });
  change.reset_connections = reset_connections();
  NetlinkRequest own = link_request(index, false);
  if (!config.mac.empty()) {
    own.add(IFLA_ADDRESS, config.mac);
  }
  if (config.mtu != 0) {
    own.add(IFLA_MTU, config.mtu);
  }
  steps.take("set mac and mtu", [&] { return netlink.ask(own); });
  let_kernel_announce();
  // IPv6 addresses do not survive an interface that is down, those of IPv4 are announced when it
  // comes up.
  add_addresses(AF_INET);
  steps.take("bring the link up", [&] { return netlink.ask(link_request(index, true)); });
  add_addresses(AF_INET6);
  for (const IpAddress& gateway : config.gateways) {
    steps.take("add the gateway", [&] { return add_default_route(netlink, index, gateway); });
  }
  if (!config.dns.empty()) {
    steps.take(kResolvConf, [&] { return write_resolv_conf(config.dns) ? 0 : errno; });
  }
  return change;
}

}  // namespace faasnap::init
