// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

#include "base/files/fd.h"
#include "virtio/net/net_backend.h"

namespace faasnap::virtio {

// A tap interface of the host (Documentation/networking/tuntap.rst of Linux). Packets that the
// guest has no buffers for wait in the interface, as many as its queue holds.
class TapBackend final : public NetBackend {
 public:
  // `tap` is attached to an interface (TUNSETIFF) with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR, and is
  // made non-blocking. The interface may be in another network namespace. Throws
  // ErrorKind::invalid_argument if it is something else.
  explicit TapBackend(base::UniqueFd tap);

  int descriptor() const noexcept override { return tap_.get(); }
  bool open() const noexcept override { return open_; }
  std::uint64_t offloads() const noexcept override { return offloads_; }
  void use(std::uint64_t features, std::size_t largest) override;
  Transfer send(std::span<const iovec> packet) noexcept override;
  bool flush() noexcept override { return true; }
  std::size_t next_size() noexcept override { return largest_; }
  Transfer receive(std::span<const iovec> buffers, std::size_t& size) noexcept override;

 private:
  base::UniqueFd tap_;
  bool open_ = true;
  std::uint64_t offloads_ = 0;
  std::size_t largest_ = kMaximumPacket;
  std::vector<iovec> room_;
};

}  // namespace faasnap::virtio
