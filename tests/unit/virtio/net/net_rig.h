// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "base/files/fd.h"
#include "virtio/fake_driver.h"
#include "virtio/net/net_device.h"

namespace faasnap::virtio::test {

using Bytestring = std::vector<std::byte>;

inline constexpr std::size_t kReceive = 0;
inline constexpr std::size_t kTransmit = 1;
inline constexpr std::size_t kCommands = 2;
inline constexpr std::uint64_t kMergeBuffers = 1ULL << 15;
inline constexpr std::uint64_t kAnnounceFeature = 1ULL << 21;
inline constexpr NetAddress kAddress{2, 0, 0, 0, 0, 7};

// What the guest's driver does with a network device.
class NetGuest {
 public:
  NetGuest(std::unique_ptr<NetBackend> backend, const NetIdentity& identity,
           const NetworkLimits& rates);
  ~NetGuest() { CHECK(world.failures() == 0); }

  // Offers chains for packets, of one buffer of so many bytes each.
  void offer(const std::vector<std::uint32_t>& sizes);
  // Offers one chain of several buffers.
  void offer_chain(const std::vector<std::uint32_t>& sizes);
  // Returns the next packet, its header included, out of as many chains as it says.
  Bytestring receive();
  // True if no packet has come once the device has looked.
  bool nothing_received();
  // Sends a packet, header included, in buffers of these sizes and one for the rest.
  void post(const Bytestring& packet, const std::vector<std::uint32_t>& pieces = {});
  void send(const Bytestring& packet, const std::vector<std::uint32_t>& pieces = {}) {
    post(packet, pieces);
    driver.wait_used(kTransmit);
  }
  // Sends a frame behind a header of zeros.
  void send_frame(const Bytestring& frame, const std::vector<std::uint32_t>& pieces = {});
  // Sends a command and returns the answer.
  std::byte command(const Bytestring& bytes);

  std::uint16_t link_status();
  std::uint32_t generation() { return driver.read32(kConfigGeneration); }
  std::uint64_t waits() const { return limits.network_waits; }
  NetworkStats stats() const { return device->stats(); }
  Buffer buffer(std::uint32_t size, bool writable);
  Buffer filled(const Bytestring& bytes, std::size_t offset, std::uint32_t size);
  // Checks that the device asks for a reset and logs `reason`.
  void expect_fault(std::string_view reason);

  World world;
  DeviceLimits limits;
  NetDevice* device = nullptr;
  FakeDriver driver;

 private:
  std::unique_ptr<NetDevice> make(std::unique_ptr<NetBackend> backend, const NetIdentity& identity);
  std::vector<std::vector<Buffer>> offered_ = std::vector<std::vector<Buffer>>(256);  // by head
};

// A frame of `size` bytes whose addresses are a broadcast's and kAddress, with an EtherType for
// experiments.
Bytestring frame_of(std::size_t size, std::uint32_t seed = 1);
// The same behind a header of zeros.
Bytestring packet_of(const Bytestring& frame);
Bytestring frame_in(const Bytestring& packet);

// A guest whose network is the other end of a stream socket.
struct StreamRig : NetGuest {
  explicit StreamRig(const NetworkLimits& rates = {},
                     const NetIdentity& identity = {.address = kAddress})
      : StreamRig(base::make_stream_pair(), rates, identity) {}
  StreamRig(std::pair<base::UniqueFd, base::UniqueFd> ends, const NetworkLimits& rates,
            const NetIdentity& identity);

  void host_send(const Bytestring& frame);
  void host_send_raw(const Bytestring& bytes);
  // Waits for the next frame.
  Bytestring host_receive();

  base::UniqueFd host;
};

}  // namespace faasnap::virtio::test
