// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>

namespace faasnap::worker {

// The devices that a VM opens; the second is missing on hosts before Linux 6.1.
inline constexpr std::array kDevices = {"/dev/kvm", "/dev/userfaultfd"};

}  // namespace faasnap::worker
