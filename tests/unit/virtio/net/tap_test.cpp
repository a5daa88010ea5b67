// SPDX-License-Identifier: Apache-2.0

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include <faasnap/error.h>

#include "support/test_tap.h"
#include "virtio/net/net_rig.h"
#include "virtio/net/tap_backend.h"

namespace faasnap::virtio::test {
namespace {

using faasnap::test::TestTap;

// struct virtio_net_hdr; the kernel's own header is not for C++.
struct HostHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t hdr_len = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t csum_start = 0;
  std::uint16_t csum_offset = 0;
};
static_assert(sizeof(HostHeader) == 10);
constexpr std::uint8_t kNeedsChecksum = 1;
constexpr std::uint8_t kTcp4 = 1;

struct TapRig : TestTap, NetGuest {
  TapRig() : TapRig(TestTap()) {}
  explicit TapRig(TestTap&& made)
      : TestTap(std::move(made)),
        NetGuest(std::make_unique<TapBackend>(base::UniqueFd(::dup(tap.get()))),
                 {.address = kAddress}, {}) {}

  // Sends a frame from the host.
  void host_send_frame(const Bytestring& frame) {
    Bytestring packet(sizeof(HostHeader));
    packet.insert(packet.end(), frame.begin(), frame.end());
    host_send(packet);
  }
  void offer_many() { offer(std::vector<std::uint32_t>(driver.queues[kReceive].room(), 1526)); }
};

constexpr std::size_t kTcpHeaders = 14 + 20 + 20;
constexpr std::size_t kSegment = 1000;

// A frame with a TCP segment of IPv4 that is too large for the network, and the header that lets
// the receiver cut it.
struct LargeSegment {
  explicit LargeSegment(std::size_t payload) : frame(frame_of(kTcpHeaders + payload)) {
    header.flags = kNeedsChecksum;
    header.gso_type = kTcp4;
    header.hdr_len = kTcpHeaders;
    header.gso_size = kSegment;
    header.csum_start = 34;
    header.csum_offset = 16;
    const auto total = static_cast<std::uint16_t>(frame.size() - 14);
    const std::array<std::uint8_t, 42> headers{0x08,
                                               0x00,  // EtherType
                                               0x45,
                                               0,
                                               static_cast<std::uint8_t>(total >> 8),
                                               static_cast<std::uint8_t>(total),
                                               0,
                                               1,
                                               0x40,
                                               0,
                                               64,
                                               6,
                                               0,
                                               0,
                                               10,
                                               0,
                                               0,
                                               1,
                                               10,
                                               0,
                                               0,
                                               2,  // IPv4
                                               0,
                                               80,
                                               0,
                                               81,
                                               0,
                                               0,
                                               0,
                                               1,
                                               0,
                                               0,
                                               0,
                                               1,
                                               0x50,
                                               0x10,
                                               1,
                                               0,
                                               0,
                                               0,
                                               0,
                                               0};  // TCP
    std::memcpy(frame.data() + 12, headers.data(), headers.size());
  }
  Bytestring packet(std::size_t header_size) const {
    Bytestring bytes(header_size);
    std::memcpy(bytes.data(), &header, sizeof(header));
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    return bytes;
  }
  HostHeader header;
  Bytestring frame;
};

}  // namespace

TEST_CASE("Frames pass between a guest and a tap") {
  TapRig rig;
  rig.driver.start();
  rig.offer_many();
  for (std::uint32_t i = 0; i < 50; ++i) {
    rig.send_frame(frame_of(1000 + i, i), {12, 14});
    CHECK(rig.host_receive() == frame_of(1000 + i, i));
    rig.host_send_frame(frame_of(800 + i, i));
    CHECK(frame_in(rig.receive()) == frame_of(800 + i, i));
  }
}

TEST_CASE("A tap gives offloads to a guest") {
  TapRig rig;
  rig.driver.start();
  CHECK((rig.device->features() & kNetOffloads & ~kNetHostUfo & ~kNetHostUso) ==
        (kNetOffloads & ~kNetHostUfo & ~kNetHostUso));
  const LargeSegment segment(8 * kSegment);
  SECTION("for what it sends") {
    rig.send(segment.packet(kNetHeaderSize));
    CHECK(rig.host_receive().size() == segment.frame.size());
  }
  SECTION("for what it receives, in merged buffers") {
    rig.offer_many();
    rig.host_send(segment.packet(sizeof(HostHeader)));
    const Bytestring packet = rig.receive();
    CHECK(packet.size() == kNetHeaderSize + segment.frame.size());
    CHECK(packet[1] == std::byte{kTcp4});
    CHECK(std::equal(packet.begin() + kNetHeaderSize + kTcpHeaders, packet.end(),
                     segment.frame.begin() + kTcpHeaders));
  }
}

TEST_CASE("A guest that cannot receive large segments gets them cut") {
  TapRig rig;
  rig.driver.start(kFeatureIndirect | kFeatureEventIndex, 0xffff, kNetGuestTso4 | kNetGuestTso6);
  rig.offer_many();
  const LargeSegment segment(4 * kSegment);
  rig.host_send(segment.packet(sizeof(HostHeader)));
  for (unsigned i = 0; i < 4; ++i) {
    CHECK(rig.receive().size() == kNetHeaderSize + kTcpHeaders + kSegment);
  }
}

TEST_CASE("A guest without merged buffers receives from a tap into one chain") {
  TapRig rig;
  rig.driver.start(kFeatureIndirect | kFeatureEventIndex, 0xffff,
                   kMergeBuffers | kNetGuestTso4 | kNetGuestTso6);
  rig.offer_chain({12, 1514});
  rig.host_send_frame(frame_of(1514));
  CHECK(frame_in(rig.receive()) == frame_of(1514));
}

TEST_CASE("A full tap drops, and gives what it holds when the guest has buffers") {
  TapRig rig;
  rig.driver.start();
  // More than the queue of an interface holds.
  for (std::uint32_t i = 0; i < 3000; ++i) {
    Bytestring packet(sizeof(HostHeader));
    const Bytestring frame = frame_of(100, i);
    packet.insert(packet.end(), frame.begin(), frame.end());
    ::send(rig.host.get(), packet.data(), packet.size(), MSG_DONTWAIT);
  }
  CHECK(rig.nothing_received());
  rig.offer_many();
  for (std::uint32_t i = 0; i < 100; ++i) {
    CHECK(frame_in(rig.receive()) == frame_of(100, i));
  }
}

TEST_CASE("A packet that the tap refuses is lost, and the next one passes") {
  TapRig rig;
  rig.driver.start();
  LargeSegment broken(4 * kSegment);
  broken.header.csum_start = 60'000;
  rig.send(broken.packet(kNetHeaderSize));
  rig.send_frame(frame_of(100));
  CHECK(rig.host_receive() == frame_of(100));
  CHECK(rig.stats().from_guest.dropped == 1);
}

TEST_CASE("A tap is refused that is none, or that has no headers") {
  const auto kind_of = [](base::UniqueFd fd) {
    try {
      TapBackend backend(std::move(fd));
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::internal;
  };
  base::EventFd event;
  CHECK(kind_of(base::UniqueFd(::dup(event.get()))) == ErrorKind::invalid_argument);
  TestTap plain(IFF_TAP | IFF_NO_PI);
  CHECK(kind_of(std::move(plain.tap)) == ErrorKind::invalid_argument);
}

}  // namespace faasnap::virtio::test
