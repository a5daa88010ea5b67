// SPDX-License-Identifier: Apache-2.0

#include "guest/trace_headers.h"

#include <fmt/format.h>

#include "base/error.h"
#include "guest/http_head.h"

namespace faasnap::guest {

std::string trace_headers(const TraceContext& caller) {
  if (caller.trace.empty()) {
    return {};
  }
  const bool hexadecimal = caller.trace.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (caller.trace.size() != 32 || !hexadecimal) {
    base::fail(ErrorKind::invalid_argument, kAskingAgent, {},
               "invalid trace id, expected 32 lower-case hexadecimal digits");
  }
  return fmt::format("X-B3-TraceId: {}\r\nX-B3-SpanId: {:016x}\r\nX-B3-Sampled: 1\r\n",
                     caller.trace, caller.span);
}

}  // namespace faasnap::guest
