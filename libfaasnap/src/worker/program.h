// SPDX-License-Identifier: Apache-2.0

#pragma once

// What a process and the program `faasnap-worker` agree on before they exchange messages.

#include <string>

#include <faasnap/version.h>

namespace faasnap::worker {

// The descriptor of the worker's end of the connection.
inline constexpr int kSocket = 3;

// Its arguments are own_version(), then whether it has namespaces of its own.
inline std::string own_version() {
  return std::to_string(kMajorVersion) + '.' + std::to_string(kMinorVersion) + '.' +
         std::to_string(kPatchVersion);
}
inline constexpr const char* kWithNamespaces = "namespaces";
inline constexpr const char* kWithoutNamespaces = "none";

}  // namespace faasnap::worker
