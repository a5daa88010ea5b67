// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace platform::lambda {

// The form application/vnd.amazon.eventstream, in which Lambda's clients read a streamed answer:
// messages of headers and a payload, each with its lengths and a checksum (CRC-32 of ISO 3309) of
// both and of the whole, big-endian.

// Name and value of a header whose value is a text: at most 255 and 65535 bytes.
using EventHeaders = std::vector<std::pair<std::string_view, std::string_view>>;

// Returns one message.
std::string event_message(const EventHeaders& headers, std::string_view payload);

// How a streamed answer has ended.
struct StreamEnd {
  // Empty if the answer is complete.
  std::string error_code{};
  std::string error_details{};
  // Base64; sent if the client wants a log.
  bool has_log = false;
  std::string log{};
};

// The events of Lambda's InvokeWithResponseStream: each piece of the answer, and its end.
std::string payload_chunk(std::string_view piece);
std::string invoke_complete(const StreamEnd& end);

}  // namespace platform::lambda
