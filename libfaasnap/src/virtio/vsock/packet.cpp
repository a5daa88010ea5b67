// SPDX-License-Identifier: Apache-2.0

#include "virtio/vsock/packet.h"

#include <bit>
#include <cstring>

namespace faasnap::virtio {
namespace {

// The layout on the wire. It has no padding, since every field is aligned.
struct Wire {
  std::uint32_t source_cid[2];
  std::uint32_t destination_cid[2];
  std::uint32_t source_port;
  std::uint32_t destination_port;
  std::uint32_t length;
  std::uint16_t type;
  std::uint16_t operation;
  std::uint32_t flags;
  std::uint32_t buffer_size;
  std::uint32_t forwarded;
};
static_assert(sizeof(Wire) == kPacketHeaderSize);
static_assert(std::endian::native == std::endian::little);

}  // namespace

PacketHeader parse_packet_header(const PacketHeaderBytes& bytes) noexcept {
  const auto wire = std::bit_cast<Wire>(bytes);
  PacketHeader header;
  header.source_cid = std::bit_cast<std::uint64_t>(wire.source_cid);
  header.destination_cid = std::bit_cast<std::uint64_t>(wire.destination_cid);
  header.source_port = wire.source_port;
  header.destination_port = wire.destination_port;
  header.length = wire.length;
  header.type = wire.type;
  header.operation = static_cast<PacketOperation>(wire.operation);
  header.flags = wire.flags;
  header.buffer_size = wire.buffer_size;
  header.forwarded = wire.forwarded;
  return header;
}

PacketHeaderBytes encode(const PacketHeader& header) noexcept {
  Wire wire;
  std::memcpy(wire.source_cid, &header.source_cid, sizeof(header.source_cid));
  std::memcpy(wire.destination_cid, &header.destination_cid, sizeof(header.destination_cid));
  wire.source_port = header.source_port;
  wire.destination_port = header.destination_port;
  wire.length = header.length;
  wire.type = header.type;
  wire.operation = static_cast<std::uint16_t>(header.operation);
  wire.flags = header.flags;
  wire.buffer_size = header.buffer_size;
  wire.forwarded = header.forwarded;
  return std::bit_cast<PacketHeaderBytes>(wire);
}

PacketHeader reset_for(const PacketHeader& packet) noexcept {
  PacketHeader answer;
  answer.source_cid = packet.destination_cid;
  answer.destination_cid = packet.source_cid;
  answer.source_port = packet.destination_port;
  answer.destination_port = packet.source_port;
  answer.type = packet.type;
  answer.operation = PacketOperation::reset;
  return answer;
}

}  // namespace faasnap::virtio
