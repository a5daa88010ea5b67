#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace faasnap::bench {

// What a server says before the transmission phase to a client that wants a handshake: the
// "oldstyle negotiation" of the NBD protocol (doc/proto.md of NetworkBlockDevice/nbd), which needs
// no answer. QEMU's client takes it when it asks for no export by name. It offers FLUSH and TRIM.
std::array<std::byte, 152> nbd_handshake(std::uint64_t size) noexcept;

}  // namespace faasnap::bench
