#pragma once

#include <optional>
#include <string_view>

#include <faasnap/export.h>

namespace faasnap {

// How an invocation gets its VM (FaaSnap, section 6.1; docs/design/paging.md has a picture of
// each).
enum class Setting {
  warm,        // the VM never went away
  boot,        // a cold boot
  lazy,        // the memory file mapped whole; every first touch is a page fault
  cached,      // as lazy, with the whole memory file in the page cache first
  concurrent,  // as lazy, and the recorded pages of the memory file read while the guest runs
  per_region,  // as concurrent, with anonymous memory where the image is zero
  faasnap,     // as per_region, with the recorded pages read in order from the loading-set file
  reap,        // every recorded page installed before the guest starts, the rest by userfaultfd
  stream,      // recorded pages, zero ones too, installed in order while the guest runs
};

FAASNAP_EXPORT const char* to_string(Setting setting) noexcept;
// Nothing when `name` is no setting.
FAASNAP_EXPORT std::optional<Setting> parse_setting(std::string_view name) noexcept;

}  // namespace faasnap
