// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stop_token>

#include "base/error.h"

namespace faasnap::function {

// Throws ErrorKind::cancelled if the caller of `operation` wants it to stop.
inline void check_not_stopped(const std::stop_token& stop, const char* operation) {
  if (stop.stop_requested()) {
    base::fail(ErrorKind::cancelled, operation, {}, "stopped by the caller");
  }
}

}  // namespace faasnap::function
