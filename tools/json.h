#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace faasnap::tools {

// Keys in the order in which they were set, as people read them.
using Json = nlohmann::ordered_json;

// Returns nothing if the text is not JSON, or nested so deeply that walking it would exhaust the
// stack.
// `error_byte`, when not null, gets the place of the fault.
std::optional<Json> parse_json(std::string_view text, std::size_t* error_byte = nullptr);

// On one line, or indented; bytes that are not UTF-8 are replaced.
std::string to_text(const Json& json, bool indented = false);

}  // namespace faasnap::tools
