#pragma once

#include <cstdint>

namespace faasnap::kvm {

inline constexpr const char* kDevice = "/dev/kvm";

// ioctl(2), again for as long as a signal interrupts it. A failure is an Error whose operation is
// `name`. For everything but KVM_RUN.
int checked_ioctl(int fd, unsigned long request, void* argument, const char* name);
int checked_ioctl(int fd, unsigned long request, std::uintptr_t argument, const char* name);

}  // namespace faasnap::kvm
