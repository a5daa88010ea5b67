// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <faasnap/error.h>

#include "base/files/fd.h"
#include "host/checks.h"
#include "redis/connection.h"
#include "uring/ring.h"

namespace faasnap::host {
namespace {

// Opens a userfaultfd that also sees the faults that KVM takes for a guest.
base::UniqueFd open_userfaultfd() {
  base::UniqueFd fd(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
#ifdef USERFAULTFD_IOC_NEW
  if (!fd) {
    const base::UniqueFd device(::open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
    if (device) {
      fd = base::UniqueFd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK));
    }
  }
#endif
  return fd;
}

}  // namespace

HostCheck check_io_uring() {
  const uring::Availability availability = uring::available();
  return {
      "io_uring", availability.available,
      availability ? "available" : "not available: the setting faasnap needs it for prefetching",
      availability.reason};
}

HostCheck check_userfaultfd() {
  const base::UniqueFd fd = open_userfaultfd();
  const int error_number = errno;
  if (fd) {
    return {"userfaultfd", true, "available, also for guests' faults", ""};
  }
  return {"userfaultfd", false, fmt::format("not available: {}", std::strerror(error_number)),
          error_number == EPERM
              ? "run as root, or set the sysctl vm.unprivileged_userfaultfd to 1"
              : "use a kernel with CONFIG_USERFAULTFD, without a seccomp filter that forbids it"};
}

HostCheck check_redis(RedisOptions options) {
  static constexpr Nanoseconds kPatience = std::chrono::seconds(1);
  options.connect_timeout = std::min(options.connect_timeout, kPatience);
  options.timeout = std::min(options.timeout, kPatience);
  try {
    const redis::Connection connection(options);
    return {"redis", true, fmt::format("{} answers", options.address), ""};
  } catch (const Error& error) {
    return {"redis", false, error.what(),
            error.kind() == ErrorKind::permission
                ? "set the server's password in the settings file"
                : fmt::format("start a Redis server at {}", options.address)};
  }
}

}  // namespace faasnap::host
