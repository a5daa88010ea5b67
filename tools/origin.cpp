// SPDX-License-Identifier: Apache-2.0

#include "tools/origin.h"

namespace faasnap::tools {

const std::vector<Origin>& all_origins() {
  static const std::vector<Origin> origins = [] {
    std::vector<Origin> all{Warm{}, Boot{}};
    all.insert(all.end(), kAllSettings.begin(), kAllSettings.end());
    return all;
  }();
  return origins;
}

const char* to_string(const Origin& origin) noexcept {
  if (const auto* setting = std::get_if<Setting>(&origin)) {
    return faasnap::to_string(*setting);
  }
  return is_warm(origin) ? "warm" : "boot";
}

std::optional<Origin> parse_origin(std::string_view name) {
  for (const Origin& origin : all_origins()) {
    if (name == to_string(origin)) {
      return origin;
    }
  }
  return std::nullopt;
}

}  // namespace faasnap::tools
