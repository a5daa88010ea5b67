// SPDX-License-Identifier: Apache-2.0

#include "support/test_tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <thread>

namespace faasnap::test {
namespace {

constexpr std::string_view kName = "tap0";

std::string failed(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

// Keeps the kernel's own packets away.
void disable_ipv6() {
  const base::UniqueFd setting(
      ::open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC));
  [[maybe_unused]] const auto written = ::write(setting.get(), "1", 1);
}

}  // namespace

TestTap::TestTap() : TestTap(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR) {}

TestTap::TestTap(short flags) {
  std::string missing;
  // A thread has its own network namespace, which lives as long as the tap.
  std::thread([&] { missing = make(flags); }).join();
  if (!missing.empty()) {
    SKIP(missing);
  }
}

// Returns why it could not be made.
std::string TestTap::make(short flags) {
  if (::unshare(CLONE_NEWNET) != 0) {
    return failed("unshare(CLONE_NEWNET)");
  }
  disable_ipv6();
  tap = base::UniqueFd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!tap) {
    return failed("/dev/net/tun");
  }
  ifreq interface {};
  kName.copy(interface.ifr_name, sizeof(interface.ifr_name) - 1);
  interface.ifr_flags = flags;
  if (::ioctl(tap.get(), TUNSETIFF, &interface) != 0) {
    return failed("TUNSETIFF");
  }
  host = base::UniqueFd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
  if (!host) {
    return failed("packet socket");
  }
  interface.ifr_flags = IFF_UP;
  if (::ioctl(host.get(), SIOCSIFFLAGS, &interface) != 0 ||
      ::ioctl(host.get(), SIOCGIFINDEX, &interface) != 0) {
    return failed("interface");
  }
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface.ifr_ifindex;
  const int on = 1;
  if (::bind(host.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::setsockopt(host.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) != 0 ||
      ::setsockopt(host.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) != 0) {
    return failed("packet socket");
  }
  return {};
}

void TestTap::host_send(const std::vector<std::byte>& packet) {
  REQUIRE(::send(host.get(), packet.data(), packet.size(), 0) ==
          static_cast<ssize_t>(packet.size()));
}

std::vector<std::byte> TestTap::host_receive() {
  pollfd waiting{host.get(), POLLIN, 0};
  REQUIRE(::poll(&waiting, 1, 30'000) == 1);
  std::vector<std::byte> packet(10 + 65536);
  const ssize_t got = ::recv(host.get(), packet.data(), packet.size(), 0);
  REQUIRE(got > 10);
  packet.resize(static_cast<std::size_t>(got));
  packet.erase(packet.begin(), packet.begin() + 10);
  return packet;
}

}  // namespace faasnap::test
