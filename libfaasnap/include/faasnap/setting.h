// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <optional>
#include <string_view>

#include <faasnap/export.h>

namespace faasnap {

// How a restored VM gets its memory (FaaSnap, section 6.1). What a setting means for one snapshot
// is a RestorePlan.
enum class Setting {
  lazy,        // the memory file mapped whole; every first touch is a page fault
  cached,      // as lazy, with the whole memory file read into the page cache first
  concurrent,  // as lazy, and the recorded pages of the memory file read while the guest runs
  per_region,  // as concurrent, with anonymous memory where the image is zero
  faasnap,     // as per_region, with the recorded pages read in order from the loading-set file
  reap,        // every recorded page installed before the guest starts, the rest by userfaultfd
  stream,      // recorded pages, zero ones too, installed in order while the guest runs
};

// Every setting, in the order of the enumeration.
inline constexpr std::array kAllSettings = {
    Setting::lazy,    Setting::cached, Setting::concurrent, Setting::per_region,
    Setting::faasnap, Setting::reap,   Setting::stream};

// Returns the setting's name, "per-region" for example.
FAASNAP_EXPORT const char* to_string(Setting setting) noexcept;
// Returns std::nullopt if `name` is not the name of a setting.
FAASNAP_EXPORT std::optional<Setting> parse_setting(std::string_view name) noexcept;

}  // namespace faasnap
