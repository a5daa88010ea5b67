// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace faasnap::virtio {

// A packet is an Ethernet frame behind a header (struct virtio_net_hdr_v1: virtio 1.2, section
// 5.1.6).
inline constexpr std::size_t kNetHeaderSize = 12;
inline constexpr std::size_t kEthernetHeaderSize = 14;
// Maximum size in bytes of a packet for the guest (virtio 1.2, section 5.1.6.3.1).
inline constexpr std::size_t kMaximumPacket = 65562;

// Features of the device that need the backend: it completes checksums and cuts large packets into
// pieces for the one who does not.
enum NetOffload : std::uint64_t {
  kNetChecksum = 1ULL << 0,       // VIRTIO_NET_F_CSUM
  kNetGuestChecksum = 1ULL << 1,  // VIRTIO_NET_F_GUEST_CSUM
  kNetGuestTso4 = 1ULL << 7,      // VIRTIO_NET_F_GUEST_TSO4
  kNetGuestTso6 = 1ULL << 8,      // VIRTIO_NET_F_GUEST_TSO6
  kNetHostTso4 = 1ULL << 11,      // VIRTIO_NET_F_HOST_TSO4
  kNetHostTso6 = 1ULL << 12,      // VIRTIO_NET_F_HOST_TSO6
  kNetHostUfo = 1ULL << 14,       // VIRTIO_NET_F_HOST_UFO
  kNetHostUso = 1ULL << 56,       // VIRTIO_NET_F_HOST_USO
};
inline constexpr std::uint64_t kNetOffloads = kNetChecksum | kNetGuestChecksum | kNetGuestTso4 |
                                              kNetGuestTso6 | kNetHostTso4 | kNetHostTso6 |
                                              kNetHostUfo | kNetHostUso;

// The host's end of a network device: it carries packets between guest memory and a descriptor.
// For the device's thread.
class NetBackend {
 public:
  enum class Transfer {
    done,     // the packet has passed
    blocked,  // it must wait until the descriptor is ready
    dropped,  // it is lost
  };

  virtual ~NetBackend() = default;

  // Returns the descriptor that tells when there is a packet, or room for one (epoll).
  virtual int descriptor() const noexcept = 0;
  // False if no packet will pass any more.
  virtual bool open() const noexcept = 0;
  // Returns the NetOffload bits that it can do.
  virtual std::uint64_t offloads() const noexcept = 0;
  // Tells which features the guest's driver knows, and the size in bytes of the largest packet that
  // it expects. Throws if the host refuses the features.
  virtual void use(std::uint64_t features, std::size_t largest) = 0;

  // Sends one packet, a header and a frame.
  virtual Transfer send(std::span<const iovec> packet) noexcept = 0;
  // Sends what is left of packets that are done. Returns false if some of it must wait.
  virtual bool flush() noexcept = 0;

  // Returns the size in bytes of the next packet, or of the largest that may come next; 0 if none
  // is there.
  virtual std::size_t next_size() noexcept = 0;
  // Receives one packet and sets `size` to its bytes; drops it if the buffers have no room for it.
  // They are fewer than kMaximumChainLength. The header's number of buffers is the caller's.
  virtual Transfer receive(std::span<const iovec> buffers, std::size_t& size) noexcept = 0;
};

}  // namespace faasnap::virtio
