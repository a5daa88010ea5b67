// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include <faasnap/trace.h>

namespace faasnap::guest {

// Returns the header lines that tell a request's receiver the trace and the span that its work
// belongs to (B3 propagation), or nothing if `caller` names no trace. Throws
// ErrorKind::invalid_argument for an invalid trace id.
std::string trace_headers(const TraceContext& caller);

}  // namespace faasnap::guest
