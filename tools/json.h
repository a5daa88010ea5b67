// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace faasnap::tools {

// Keys stay in the order in which they were set, for people to read.
using Json = nlohmann::ordered_json;

// Returns nothing if the text is not JSON, or so deeply nested that walking it would exhaust the
// stack. Sets `error_byte`, unless null, to the position of the error.
std::optional<Json> parse_json(std::string_view text, std::size_t* error_byte = nullptr);

// Writes it on one line or indented. Bytes that are not UTF-8 are replaced.
std::string to_text(const Json& json, bool indented = false);

}  // namespace faasnap::tools
