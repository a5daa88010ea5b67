#pragma once

#include <string>

#include <faasnap/trace.h>

namespace faasnap::guest {

// Header lines that tell a request's receiver which span of which trace its work is a part of (B3
// propagation); none where no trace is named. Throws ErrorKind::invalid_argument for a trace's name
// that is none.
std::string trace_headers(const TraceContext& caller);

}  // namespace faasnap::guest
