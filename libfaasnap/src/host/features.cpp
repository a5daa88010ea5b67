// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>

#include <faasnap/error.h>

#include "host/checks.h"
#include "paging/userfault/userfault.h"
#include "redis/connection.h"
#include "uring/ring.h"

namespace faasnap::host {

KernelVersion running_kernel() {
  utsname name{};
  KernelVersion version;
  if (::uname(&name) == 0) {
    std::sscanf(name.release, "%u.%u", &version.major, &version.minor);
  }
  return version;
}

std::string pre_fault_remedy(const KernelVersion& kernel) {
  static constexpr KernelVersion kFirst{6, 11};
  return kernel < kFirst
             ? "use Linux 6.11 or later"
             : "let KVM use nested page tables (EPT or NPT), without which it cannot do this: "
               "parameter ept of kvm_intel, npt of kvm_amd; a virtual host must offer them";
}

std::string userfaultfd_remedy(ErrorKind kind) {
  if (kind != ErrorKind::permission) {
    return "use a kernel with CONFIG_USERFAULTFD, without a seccomp filter that forbids it";
  }
  return "give this user access to /dev/userfaultfd (setfacl -m u:USER:rw /dev/userfaultfd), or "
         "set the sysctl vm.unprivileged_userfaultfd to 1";
}

HostCheck check_io_uring() {
  const uring::Availability availability = uring::available();
  return {"io_uring", availability.available,
          availability ? "available" : "not available: threads read instead, which is slower",
          availability.reason};
}

HostCheck check_userfaultfd() {
  try {
    const paging::Userfault handler({});
    return {"userfaultfd", true, "available, also for guests' faults", ""};
  } catch (const Error& error) {
    return {"userfaultfd", false, error.what(), userfaultfd_remedy(error.kind())};
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
