// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

namespace faasnap::test {

// Allows this process `count` open descriptors, or skips the test if the host does not. Some shells
// start with 256.
inline void require_descriptors(rlim_t count) {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur >= count) {
    return;
  }
  limit.rlim_cur = count;
  limit.rlim_max = std::max(limit.rlim_max, count);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    SKIP("the limit of open descriptors (ulimit -n) is below " << count);
  }
}

}  // namespace faasnap::test
