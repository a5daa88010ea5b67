// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <faasnap/network.h>

namespace faasnap {

// What a guest's interface eth0 is to have. The guest's agent (faasnap-init) sets it, so that no
// DHCP server is needed, and a clone gets addresses of its own: FunctionHost::set_network,
// BootOptions::network. Plain data.
struct NetworkConfig {
  // IPv4 and IPv6 addresses with the length of the network's prefix, "192.0.2.2/24". The interface
  // has these and no others afterwards.
  std::vector<std::string> addresses{};
  // Where the guest sends what is not for the network of an address; at most one of IPv4 and one of
  // IPv6. A gateway need not be on such a network.
  std::vector<std::string> gateways{};
  // Name servers for the guest's /etc/resolv.conf. Nothing leaves the file as it is.
  std::vector<std::string> dns{};
  // The interface's Ethernet address. Nothing leaves it as it is. NetworkOptions::mac alone does
  // not reach a guest that was restored.
  std::optional<MacAddress> mac{};
  // Largest packet in bytes, 68 to 65535, and at most NetworkOptions::mtu of when the guest
  // booted. 0 leaves it as it is.
  std::uint16_t mtu = 0;
};

}  // namespace faasnap
