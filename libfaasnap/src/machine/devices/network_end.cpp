// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/network_end.h"

#include <fcntl.h>

#include <utility>

#include "base/error.h"
#include "base/files/fd.h"
#include "virtio/net/stream_backend.h"
#include "virtio/net/tap_backend.h"

namespace faasnap::machine {

std::unique_ptr<virtio::NetBackend> make_network_end(const std::optional<NetworkOptions>& options) {
  if (!options) {
    return nullptr;
  }
  base::UniqueFd copy(::fcntl(options->descriptor, F_DUPFD_CLOEXEC, 0));
  if (!copy) {
    base::fail_errno("attach network");
  }
  if (options->kind == NetworkKind::tap) {
    return std::make_unique<virtio::TapBackend>(std::move(copy));
  }
  return std::make_unique<virtio::StreamBackend>(std::move(copy));
}

virtio::NetIdentity network_identity(const std::optional<NetworkOptions>& options,
                                     std::uint64_t features) {
  virtio::NetIdentity identity{.features = features};
  if (options) {
    identity.mtu = options->mtu;
    if (options->mac) {
      identity.address = options->mac->bytes;
    }
  }
  return identity;
}

}  // namespace faasnap::machine
