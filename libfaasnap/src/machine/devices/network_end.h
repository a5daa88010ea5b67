// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <optional>

#include <faasnap/network.h>

#include "virtio/net/net_backend.h"
#include "virtio/net/net_device.h"

namespace faasnap::machine {

// Returns the host's end of a network device, on a copy of the descriptor; null if there is none.
// Throws ErrorKind::invalid_argument if the descriptor is not what the options say.
std::unique_ptr<virtio::NetBackend> make_network_end(const std::optional<NetworkOptions>& options);

// Returns what the device tells its driver. `features` is what the saved device offered, 0 at boot.
virtio::NetIdentity network_identity(const std::optional<NetworkOptions>& options,
                                     std::uint64_t features);

}  // namespace faasnap::machine
