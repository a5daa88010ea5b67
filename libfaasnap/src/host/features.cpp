// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>

#include <faasnap/error.h>

#include "host/checks.h"
#include "paging/userfault/userfault.h"
#include "redis/connection.h"
#include "uring/ring.h"

namespace faasnap::host {

HostCheck check_io_uring() {
  const uring::Availability availability = uring::available();
  return {
      "io_uring", availability.available,
      availability ? "available" : "not available: the setting faasnap needs it for prefetching",
      availability.reason};
}

HostCheck check_userfaultfd() {
  try {
    const paging::Userfault handler({});
    return {"userfaultfd", true, "available, also for guests' faults", ""};
  } catch (const Error& error) {
    return {"userfaultfd", false, error.what(),
            error.kind() == ErrorKind::permission
                ? "run as root, or set the sysctl vm.unprivileged_userfaultfd to 1"
                : "use a kernel with CONFIG_USERFAULTFD, without a seccomp filter that forbids it"};
  }
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
