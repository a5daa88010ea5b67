// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <string>

namespace platform {

// Returns the hexadecimal digits of as many random bytes.
std::string random_hex(std::size_t bytes);
// Returns a random UUID (RFC 9562, section 5.4).
std::string random_uuid();
// Returns as many random letters and digits.
std::string random_word(std::size_t length);

}  // namespace platform
