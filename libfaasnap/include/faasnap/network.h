// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace faasnap {

// What carries the packets of a guest's network.
enum class NetworkKind {
  // A tap interface of the host, attached to the descriptor with IFF_TAP, IFF_NO_PI and
  // IFF_VNET_HDR (TUNSETIFF). The interface may be in any network namespace; addresses, routes and
  // filters are the caller's.
  tap,
  // A connected Unix stream socket to a network in user space, such as passt, for which nobody has
  // to be root: each frame behind its length, 32 bits big-endian (QEMU's "-netdev stream").
  stream,
};

// An Ethernet address.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};
};

// The live end of a guest's network device (virtio-net, eth0 in Linux). One VM at a time can use
// it.
//
// A snapshot holds what the guest's driver knows: the device's features, address and MTU. A restore
// takes a new end; packets that were under way are lost. The features that the saved device offered
// must be possible: a snapshot of a guest with a tap needs a tap, one of a guest with a stream
// takes both. The guest is asked to announce itself on the new network
// (VIRTIO_NET_F_GUEST_ANNOUNCE).
struct NetworkOptions {
  NetworkKind kind = NetworkKind::tap;
  // Open when the VM is made, which takes a copy: afterwards the caller may close it. Made
  // non-blocking.
  int descriptor = -1;
  // The guest's address; neither of a group nor all zero. Nothing: a random one, or that of the
  // snapshot. At a restore the device tells the guest of a change, but Linux reads the address once
  // only: whoever wants it to change sets it in the guest, too.
  std::optional<MacAddress> mac{};
  // The largest packet behind the Ethernet header, 68 to 65535. 0: 1500, or that of the snapshot.
  // Linux reads it once, as the address.
  std::uint16_t mtu = 0;
};

}  // namespace faasnap
