#pragma once

#include <string_view>

namespace faasnap::store {

// Whether all of `text` matches the pattern, as Redis's KEYS has it: `*`, `?`, `[abc]`, `[a-z]`,
// `[^a-z]`, and `\` before a character that stands for itself. A `[` without its `]` reaches to the
// end of the pattern.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace faasnap::store
