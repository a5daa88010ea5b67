// SPDX-License-Identifier: Apache-2.0

#include "invocation.h"

#include "json.h"

namespace faasnap::init {

Outcome failed_outcome(int status, std::string type, std::string message) {
  Outcome outcome;
  outcome.status = status;
  outcome.body =
      "{\"errorType\": " + json_quote(type) + ", \"errorMessage\": " + json_quote(message) + "}";
  outcome.error_type = std::move(type);
  outcome.error_message = std::move(message);
  return outcome;
}

Outcome truncated_outcome(const std::string& reason) {
  return failed_outcome(500, "Runtime.TruncatedResponse",
                        "the stream of the result ends early: " + reason);
}

}  // namespace faasnap::init
