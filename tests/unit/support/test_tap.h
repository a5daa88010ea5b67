// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/files/fd.h"

namespace faasnap::test {

// A tap in a network namespace of its own, and a packet socket on it, which is the host's side.
// Skips the test, with the reason, where there is no such thing.
struct TestTap {
  // `flags` as for TUNSETIFF.
  explicit TestTap(short flags);
  TestTap();

  // Sends a packet with a header (struct virtio_net_hdr, 10 bytes) from the host.
  void host_send(const std::vector<std::byte>& packet);
  // Waits for the next frame that the guest has sent, of at most 64 KiB.
  std::vector<std::byte> host_receive();

  base::UniqueFd tap;
  base::UniqueFd host;

 private:
  std::string make(short flags);
};

}  // namespace faasnap::test
