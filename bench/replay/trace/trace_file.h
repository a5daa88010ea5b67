#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "replay/trace/trace.h"

namespace faasnap::bench {

// The text form of traces; bench/traces/README.md describes it. Times are kept in whole ticks of
// a microsecond, and of a gap its two leading digits; what rounding takes from one gap it gives to
// the next, so that sums hold.

// `trace` must have no defect.
std::string print_trace(const Trace& trace);

// Throws std::runtime_error that names `name` and the line for anything that is not a trace.
Trace parse_trace(std::string_view text, const std::string& name);

// Throws also std::system_error for a file that cannot be read, or is larger than any trace.
Trace load_trace(const std::filesystem::path& file);

}  // namespace faasnap::bench
