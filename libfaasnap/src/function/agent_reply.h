// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include <faasnap/function_host.h>

namespace faasnap::function {

// JSON as the agent of a guest speaks it. A guest is not trusted: what it says is parsed with a
// limit to its depth, and what is kept of it is checked.

// Returns what a reply with status 200 says:
//   {"result": ..., "timings": {"handler_ns": N, "total_ns": N}}
// The timings may name the caller's span, "trace_id" and "span_id"; ids that no Trace has made
// count as none. The host's own times stay zero. Throws ErrorKind::guest for anything else.
FunctionReply parse_reply(std::string_view body);

// Returns why the agent has refused a request, on one line: the text of {"error": "..."}, or the
// status if it says nothing of that form.
std::string reason_of(int status, std::string_view body);

// Returns the JSON object `text` without spaces and line breaks. Throws
// ErrorKind::invalid_argument if it is not a JSON object.
std::string compact_object(std::string_view text);

// Returns at most the first `most` bytes of `text`, with control characters as spaces.
std::string one_line(std::string_view text, std::size_t most = 4096);

}  // namespace faasnap::function
