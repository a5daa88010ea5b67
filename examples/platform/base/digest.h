// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace platform {

// Returns the 32 bytes of the SHA-256 sum.
std::string sha256(std::string_view bytes);
// RFC 2104 with SHA-256. Returns 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);
// Returns two lower-case digits for each byte.
std::string hex(std::string_view bytes);
// RFC 4648, section 4.
std::string base64(std::string_view bytes);
// Returns nothing if the text is not base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace platform
