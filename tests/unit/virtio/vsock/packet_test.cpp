// SPDX-License-Identifier: Apache-2.0

#include "virtio/vsock/packet.h"

#include <catch2/catch_test_macros.hpp>

namespace faasnap::virtio::test {

TEST_CASE("A packet header has the layout of the specification") {
  PacketHeader header;
  header.source_cid = 0x0102030405060708;
  header.destination_cid = 2;
  header.source_port = 0x11121314;
  header.destination_port = 0x21222324;
  header.length = 0x31323334;
  header.type = 1;
  header.operation = PacketOperation::shutdown;
  header.flags = 3;
  header.buffer_size = 0x41424344;
  header.forwarded = 0x51525354;
  const PacketHeaderBytes bytes = encode(header);
  const auto at = [&bytes](std::size_t offset) { return std::to_integer<int>(bytes[offset]); };
  CHECK(bytes.size() == 44);
  CHECK(at(0) == 0x08);
  CHECK(at(7) == 0x01);
  CHECK(at(8) == 2);
  CHECK(at(16) == 0x14);
  CHECK(at(20) == 0x24);
  CHECK(at(24) == 0x34);
  CHECK(at(28) == 1);
  CHECK(at(30) == 4);
  CHECK(at(32) == 3);
  CHECK(at(36) == 0x44);
  CHECK(at(40) == 0x54);
  CHECK(parse_packet_header(bytes) == header);
}

TEST_CASE("A reset answers a packet with its addresses turned around") {
  PacketHeader packet;
  packet.source_cid = 7;
  packet.destination_cid = 9;
  packet.source_port = 1;
  packet.destination_port = 3;
  packet.type = 2;
  packet.operation = PacketOperation::data;
  packet.length = 100;
  const PacketHeader answer = reset_for(packet);
  CHECK(answer.operation == PacketOperation::reset);
  CHECK(answer.source_cid == 9);
  CHECK(answer.destination_cid == 7);
  CHECK(answer.source_port == 3);
  CHECK(answer.destination_port == 1);
  CHECK(answer.type == 2);
  CHECK(answer.length == 0);
}

}  // namespace faasnap::virtio::test
