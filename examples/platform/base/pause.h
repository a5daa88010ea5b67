// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <stop_token>

namespace platform {

// Sleeps for `time`, or until a stop is requested. Returns false if one is.
bool pause(const std::stop_token& stop, std::chrono::microseconds time);

}  // namespace platform
