// SPDX-License-Identifier: Apache-2.0

#include "virtio/net/tap_backend.h"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "virtio/descriptor_chain.h"

namespace faasnap::virtio {
namespace {

constexpr const char* kAttachTap = "attach tap";

// TUN_F_USO4 and TUN_F_USO6 of Linux 6.2.
constexpr unsigned kTunUso = 0x20 | 0x40;

// Sets what the host may leave to the guest. Returns false if the kernel does not know it.
bool set_tun_offloads(const base::UniqueFd& tap, unsigned long offloads) {
  return ::ioctl(tap.get(), TUNSETOFFLOAD, offloads) == 0;
}

void require_packets_with_headers(const base::UniqueFd& tap) {
  ifreq interface {};
  if (::ioctl(tap.get(), TUNGETIFF, &interface) != 0) {
    base::fail(ErrorKind::invalid_argument, kAttachTap, {},
               "the descriptor is not attached to a tap interface (TUNSETIFF)");
  }
  constexpr short kFlags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if ((interface.ifr_flags & (kFlags | IFF_TUN)) != kFlags) {
    base::fail(ErrorKind::invalid_argument, kAttachTap, interface.ifr_name,
               "the interface's flags are not IFF_TAP, IFF_NO_PI and IFF_VNET_HDR");
  }
}

}  // namespace

TapBackend::TapBackend(base::UniqueFd tap) : tap_(std::move(tap)) {
  require_packets_with_headers(tap_);
  base::set_non_blocking(tap_);
  int header = kNetHeaderSize;
  if (::ioctl(tap_.get(), TUNSETVNETHDRSZ, &header) != 0) {
    base::fail_errno(kAttachTap);
  }
  constexpr unsigned kSegments = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  if (set_tun_offloads(tap_, kSegments)) {
    offloads_ = kNetChecksum | kNetGuestChecksum | kNetGuestTso4 | kNetGuestTso6 | kNetHostTso4 |
                kNetHostTso6;
    if (set_tun_offloads(tap_, kSegments | TUN_F_UFO)) {
      offloads_ |= kNetHostUfo;
    }
    if (set_tun_offloads(tap_, kSegments | kTunUso)) {
      offloads_ |= kNetHostUso;
    }
  }
  set_tun_offloads(tap_, 0);
}

void TapBackend::use(std::uint64_t features, std::size_t largest) {
  unsigned long offloads = 0;
  const auto add = [&](std::uint64_t feature, unsigned long offload) {
    if ((features & feature) != 0) {
      offloads |= offload;
    }
  };
  add(kNetGuestChecksum, TUN_F_CSUM);
  add(kNetGuestTso4, TUN_F_TSO4);
  add(kNetGuestTso6, TUN_F_TSO6);
  if (!set_tun_offloads(tap_, offloads)) {
    base::fail_errno(kAttachTap);
  }
  largest_ = largest;
}

NetBackend::Transfer TapBackend::send(std::span<const iovec> packet) noexcept {
  const ssize_t sent = base::retry_eintr(
      [&] { return ::writev(tap_.get(), packet.data(), static_cast<int>(packet.size())); });
  if (sent >= 0) {
    return Transfer::done;
  }
  if (errno == EAGAIN) {
    return Transfer::blocked;
  }
  // The interface does not exist any more. Other errors tell of the packet, or that the interface
  // is down.
  open_ = errno != EBADFD;
  return Transfer::dropped;
}

NetBackend::Transfer TapBackend::receive(std::span<const iovec> buffers,
                                         std::size_t& size) noexcept {
  // A byte more than there is room for tells a packet that does not fit.
  std::byte beyond{};
  room_.assign(buffers.begin(), buffers.end());
  room_.push_back({&beyond, 1});
  const ssize_t got = base::retry_eintr(
      [&] { return ::readv(tap_.get(), room_.data(), static_cast<int>(room_.size())); });
  if (got >= 0) {
    size = static_cast<std::size_t>(got);
    return size <= total_size(buffers) ? Transfer::done : Transfer::dropped;
  }
  if (errno == EAGAIN) {
    return Transfer::blocked;
  }
  // EFAULT: the guest gave the buffers' memory back meanwhile.
  open_ = errno == EFAULT;
  return Transfer::dropped;
}

}  // namespace faasnap::virtio
