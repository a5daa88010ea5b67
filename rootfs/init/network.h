// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_NETWORK_H_
#define FAASNAP_INIT_NETWORK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "network_config.h"

namespace faasnap::init {

// Brings up the loopback interface, which the Runtime API is on.
void start_loopback();

// What has become of the guest's network.
struct NetworkChange {
  // Empty if all went well; otherwise the interface may have a part of what was asked for.
  std::string error;
  // TCP connections that were reset; nothing if the kernel cannot (CONFIG_INET_DIAG_DESTROY).
  std::optional<std::uint64_t> reset_connections;
};

// Gives the interface eth0 what `config` says and nothing else: addresses, routes and known
// neighbours of before are gone. TCP connections that are not on the loopback interface are reset;
// sockets that listen stay. The kernel announces the new addresses (gratuitous ARP, unsolicited
// neighbour advertisements). /etc/resolv.conf names the name servers if there are any.
NetworkChange set_network(const NetworkConfig& config);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_NETWORK_H_
