// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace faasnap {

// The version of these headers. Before 1.0 a new minor version may change the interface.
inline constexpr int kMajorVersion = 0;
inline constexpr int kMinorVersion = 1;
inline constexpr int kPatchVersion = 0;

}  // namespace faasnap
