// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/network_config.h>

namespace faasnap::function {

// Returns `config` as the guest's agent takes it, JSON without a space. Throws
// ErrorKind::invalid_argument that names the member if a value cannot be meant.
std::string to_network_text(const NetworkConfig& config);

// Returns "reset_connections" of the agent's reply; nothing if it is null. Throws ErrorKind::guest
// if the reply is malformed.
std::optional<std::uint64_t> reset_connections(std::string_view reply);

}  // namespace faasnap::function
