// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "replay/trace/trace.h"

namespace faasnap::bench {

// The text form of traces, described in bench/traces/README.md. Times are whole microseconds, and
// gaps have two significant digits; the rounding error of one gap is carried to the next, so that
// sums hold.

// `trace` must have no defect.
std::string print_trace(const Trace& trace);

// Throws std::runtime_error with `name` and the line for any other text.
Trace parse_trace(std::string_view text, const std::string& name);

// Also throws std::system_error for a file that cannot be read or is too large.
Trace load_trace(const std::filesystem::path& file);

}  // namespace faasnap::bench
