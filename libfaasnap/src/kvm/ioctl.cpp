// SPDX-License-Identifier: Apache-2.0

#include "kvm/ioctl.h"

#include <sys/ioctl.h>

#include "base/error.h"

namespace faasnap::kvm {

int checked_ioctl(int fd, unsigned long request, std::uintptr_t argument, const char* name) {
  const int result = base::retry_eintr([&] { return ::ioctl(fd, request, argument); });
  if (result < 0) {
    base::fail_errno(name, kDevice);
  }
  return result;
}

int checked_ioctl(int fd, unsigned long request, void* argument, const char* name) {
  return checked_ioctl(fd, request, reinterpret_cast<std::uintptr_t>(argument), name);
}

}  // namespace faasnap::kvm
