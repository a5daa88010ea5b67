// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <string>

#include "support/child.h"

namespace faasnap::test {

// Runs `action` in a child that sees an empty directory at /proc; see outcome_in_child. Skips where
// this process may not make one.
inline std::string without_proc(const std::function<void()>& action) {
  if (::geteuid() != 0) {
    SKIP("hiding /proc takes root");
  }
  const std::string outcome = outcome_in_child(
      [] {
        return ::unshare(CLONE_NEWNS) == 0 &&
               ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
      },
      action);
  if (outcome == "unprepared") {
    SKIP("this process may not mount anything");
  }
  return outcome;
}

}  // namespace faasnap::test
