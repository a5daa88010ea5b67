// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <string_view>

namespace faasnap::bench::report {

// A setting that the report knows. Its position is its rank in tables and pictures; it has one
// colour for light pages and one for dark pages, each with a contrast of 3:1 or more to its
// background.
struct KnownSetting {
  std::string_view name;
  std::string_view light;
  std::string_view dark;
};

inline constexpr std::array kSettings{
    KnownSetting{"warm", "#7d5bb5", "#b79aea"},
    KnownSetting{"boot", "#4a5568", "#98a4b5"},
    KnownSetting{"lazy", "#737b84", "#a0a8b0"},
    KnownSetting{"cached", "#9c6500", "#e3a72f"},
    KnownSetting{"reap", "#b5468c", "#e07fbc"},
    KnownSetting{"concurrent", "#2b7fb0", "#6cbcea"},
    KnownSetting{"per-region", "#0a5089", "#5b9de0"},
    KnownSetting{"faasnap", "#00785a", "#35c79c"},
    KnownSetting{"stream", "#c23f00", "#ff8148"},
    // Stands for an unknown setting.
    KnownSetting{"other", "#6b6b6b", "#a8a8a8"},
};

// Returns the index in kSettings of the setting at the beginning of a label (setting_label), or of
// "other" if it is not known.
constexpr std::size_t rank_of_setting(std::string_view label) {
  const std::string_view name = label.substr(0, label.find(' '));
  std::size_t rank = 0;
  while (rank + 1 < kSettings.size() && kSettings[rank].name != name) {
    ++rank;
  }
  return rank;
}

}  // namespace faasnap::bench::report
