// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace faasnap::trace {

// Returns `text` as a JSON string (RFC 8259), including the quotes. Bytes that are not UTF-8 become
// U+FFFD.
std::string json_string(std::string_view text);

}  // namespace faasnap::trace
