// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

namespace faasnap::store {

// Returns true if all of `text` matches the pattern, as in KEYS of Redis: `*`, `?`, `[abc]`,
// `[a-z]`, `[^a-z]`, and `\` before a character that stands for itself. A `[` without `]` extends
// to the end of the pattern. fnmatch(3) stops at a zero byte, which a key may have.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace faasnap::store
