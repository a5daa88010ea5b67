// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace faasnap::kvm {

inline constexpr const char* kDevice = "/dev/kvm";

// Calls ioctl(2) and repeats it while a signal interrupts it. Throws an Error whose operation is
// `name` if the call fails. Not for KVM_RUN.
int checked_ioctl(int fd, unsigned long request, void* argument, const char* name);
int checked_ioctl(int fd, unsigned long request, std::uintptr_t argument, const char* name);

}  // namespace faasnap::kvm
