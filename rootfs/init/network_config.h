// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_NETWORK_CONFIG_H_
#define FAASNAP_INIT_NETWORK_CONFIG_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace faasnap::init {

// An IPv4 or IPv6 address.
struct IpAddress {
  int family = 0;
  // 4 or 16 bytes, as on the wire.
  std::string bytes;
  // Bits of the network's part.
  unsigned prefix = 0;
};

// What the host says of the guest's network.
struct NetworkConfig {
  std::vector<IpAddress> addresses;
  // Where everything goes that is not on the network of an address; at most one of each family.
  std::vector<IpAddress> gateways;
  // Addresses of name servers, as /etc/resolv.conf has them.
  std::vector<std::string> dns;
  // The 6 bytes of the interface's own address; empty to leave it.
  std::string mac;
  // 0 to leave it.
  unsigned mtu = 0;
};

// Returns the object {"addresses": ["192.0.2.2/24"], "gateways": ["192.0.2.1"], "dns":
// ["192.0.2.1"], "mac": "02:00:00:00:00:02", "mtu": 1500}, of which every member may be absent.
// Returns nothing, with the reason in `error`, if `text` is something else.
std::optional<NetworkConfig> parse_network_config(std::string_view text, std::string& error);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_NETWORK_CONFIG_H_
