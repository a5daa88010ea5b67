// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

namespace platform {

enum class LogLevel { info, warning, error };

// Writes one line to the standard error, with the level as the journal of systemd reads it. Safe
// from any thread.
void log(LogLevel level, std::string_view text);

}  // namespace platform
