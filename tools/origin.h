// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <compare>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include <faasnap/setting.h>

namespace faasnap::tools {

// The VM has run the function before and never went away.
struct Warm {
  constexpr auto operator<=>(const Warm&) const = default;
};

// The VM is booted for the invocation.
struct Boot {
  constexpr auto operator<=>(const Boot&) const = default;
};

// Where an invocation gets its VM from: a restore under a setting, or one of the two things that
// restores are compared with (FaaSnap, section 6.1). The command's option --setting, the benches'
// --settings and the results' field "setting" name it.
using Origin = std::variant<Warm, Boot, Setting>;

// Returns every origin, in the order in which help texts list them.
const std::vector<Origin>& all_origins();

const char* to_string(const Origin& origin) noexcept;
// Returns std::nullopt if `name` is not the name of an origin.
std::optional<Origin> parse_origin(std::string_view name);

inline bool is_warm(const Origin& origin) noexcept { return std::holds_alternative<Warm>(origin); }
inline bool is_restored(const Origin& origin) noexcept {
  return std::holds_alternative<Setting>(origin);
}

}  // namespace faasnap::tools
