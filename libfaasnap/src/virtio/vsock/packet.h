// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace faasnap::virtio {

// Packets of the socket device (virtio 1.2, section 5.10.6).

inline constexpr std::uint64_t kHostCid = 2;
inline constexpr std::uint16_t kStreamType = 1;

enum class PacketOperation : std::uint16_t {
  request = 1,
  response = 2,
  reset = 3,
  shutdown = 4,
  data = 5,
  credit_update = 6,
  credit_request = 7,
};

// Flags of a shutdown packet: its sender will receive, or send, no more.
inline constexpr std::uint32_t kShutdownReceive = 1;
inline constexpr std::uint32_t kShutdownSend = 2;
inline constexpr std::uint32_t kShutdownBoth = kShutdownReceive | kShutdownSend;

inline constexpr std::size_t kPacketHeaderSize = 44;

using PacketHeaderBytes = std::array<std::byte, kPacketHeaderSize>;

// The header of a packet. In a packet from the guest the fields can have any value; `operation`
// need not be a PacketOperation.
struct PacketHeader {
  std::uint64_t source_cid = 0;
  std::uint64_t destination_cid = 0;
  std::uint32_t source_port = 0;
  std::uint32_t destination_port = 0;
  std::uint32_t length = 0;  // size in bytes of the data after the header
  std::uint16_t type = kStreamType;
  PacketOperation operation = PacketOperation::reset;
  std::uint32_t flags = 0;
  std::uint32_t buffer_size = 0;  // the sender's receive buffer for this connection (buf_alloc)
  std::uint32_t forwarded = 0;    // bytes that have left that buffer, modulo 2^32 (fwd_cnt)

  bool operator==(const PacketHeader&) const = default;
};

PacketHeader parse_packet_header(const PacketHeaderBytes& bytes) noexcept;
PacketHeaderBytes encode(const PacketHeader& header) noexcept;

// Returns the answer to a packet that belongs to no connection.
PacketHeader reset_for(const PacketHeader& packet) noexcept;

}  // namespace faasnap::virtio
