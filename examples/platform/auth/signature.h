// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace platform::auth {

// What is signed of an HTTP request.
struct Message {
  std::string method{};
  // As it is in the request's line: path and query, percent-encoded.
  std::string target{};
  // By lower-case names. Those of one name are in the order of the request.
  std::multimap<std::string, std::string> headers{};
  std::string_view body{};

  // The first header of the name; empty if there is none.
  std::string header(const std::string& name) const;
};

// AWS's Signature Version 4 as the header Authorization has it ("Create a signed AWS API request"
// of the IAM user guide). Plain functions, safe from any thread.
struct Authorization {
  std::string access_key{};
  // Of the scope: YYYYMMDD.
  std::string date{};
  std::string region{};
  std::string service{};
  // Lower-case, sorted, each once.
  std::vector<std::string> signed_headers{};
  // 64 lower-case hexadecimal digits.
  std::string signature{};
};

// Returns nothing unless the text is a whole header of this form.
std::optional<Authorization> parse_authorization(std::string_view text);

// `payload_hash` is what stands for the body: its SHA-256 sum in hexadecimal, or a word of AWS's.
std::string canonical_request(const Message& message, const Authorization& authorization,
                              std::string_view payload_hash);

// Returns the hexadecimal signature. `time` is that of the request, as in the header X-Amz-Date.
std::string signature(const Authorization& authorization, std::string_view time,
                      std::string_view canonical_request, std::string_view secret);

}  // namespace platform::auth
