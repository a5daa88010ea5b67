// SPDX-License-Identifier: Apache-2.0

#include "base/files/poll.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/error.h"

namespace faasnap::base {
namespace {

// Rounds up, so that a poll never ends just before the deadline and spins.
int poll_milliseconds(Nanoseconds left) {
  if (left == kForever) {
    return -1;
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<long long>(milliseconds, std::numeric_limits<int>::max()));
}

}  // namespace

short wait_ready(int fd, short events, const Deadline& deadline, const std::string& operation) {
  for (;;) {
    pollfd entry{fd, events, 0};
    const int left = poll_milliseconds(deadline.remaining(operation));
    const int ready = retry_eintr([&] { return ::poll(&entry, 1, left); });
    if (ready < 0) {
      fail_errno(operation);
    }
    if (ready > 0) {
      return entry.revents;
    }
  }
}

}  // namespace faasnap::base
