#include <fcntl.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <memory>

#include "api/host_checks.h"
#include "base/fd.h"
#include "uring/ring.h"

namespace faasnap::api {
namespace {

// A userfaultfd that also sees the faults that KVM takes for a guest.
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

using RedisContext = std::unique_ptr<redisContext, decltype(&redisFree)>;

RedisContext connect_redis(const std::string& address) {
  static constexpr timeval kTimeout{1, 0};
  const auto colon = address.rfind(':');
  int port = 0;
  if (address.find('/') == std::string::npos && colon != std::string::npos) {
    std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  }
  redisContext* context =
      port != 0 ? redisConnectWithTimeout(address.substr(0, colon).c_str(), port, kTimeout)
                : redisConnectUnixWithTimeout(address.c_str(), kTimeout);
  if (context != nullptr && context->err == 0) {
    redisSetTimeout(context, kTimeout);
  }
  return {context, &redisFree};
}

}  // namespace

HostCheck check_io_uring() {
  const uring::Availability availability = uring::available();
  return {
      "io_uring", availability.available,
      availability ? "available" : "not available: prefetching needs it for the setting faasnap",
      availability.reason};
}

HostCheck check_userfaultfd() {
  const base::UniqueFd fd = open_userfaultfd();
  const int error_number = errno;
  if (fd) {
    return {"userfaultfd", true, "available, for faults of guests too", ""};
  }
  return {"userfaultfd", false, fmt::format("not available: {}", std::strerror(error_number)),
          error_number == EPERM
              ? "run as root, or set the sysctl vm.unprivileged_userfaultfd to 1"
              : "use a kernel with CONFIG_USERFAULTFD, outside of filters that forbid it"};
}

HostCheck check_redis(const std::string& address) {
  HostCheck check{"redis", false, "", fmt::format("start a Redis server at {}", address)};
  const RedisContext context = connect_redis(address);
  if (!context || context->err != 0) {
    check.detail = fmt::format("{}: {}", address, context ? context->errstr : "out of memory");
    return check;
  }
  const std::unique_ptr<void, decltype(&freeReplyObject)> reply(redisCommand(context.get(), "PING"),
                                                                &freeReplyObject);
  check.ok = reply != nullptr && static_cast<redisReply*>(reply.get())->type == REDIS_REPLY_STATUS;
  check.detail = fmt::format("{} {}", address, check.ok ? "answers" : "does not answer PING");
  if (check.ok) {
    check.remedy.clear();
  }
  return check;
}

}  // namespace faasnap::api
