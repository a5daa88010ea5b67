// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace faasnap::bench {

// Returns the server's part of the "oldstyle negotiation" of the NBD protocol (doc/proto.md of
// NetworkBlockDevice/nbd), which precedes the transmission phase and needs no answer. QEMU's client
// accepts it if it asks for no export by name. It offers FLUSH and TRIM.
std::array<std::byte, 152> nbd_handshake(std::uint64_t size) noexcept;

}  // namespace faasnap::bench
