// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <compare>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/units.h>

namespace faasnap {

// The way in which a working set was recorded.
enum class Recorder {
  mincore,      // pages of the memory file that came into the page cache (FaaSnap, section 4.4)
  userfaultfd,  // first touches of guest memory, reported to a fault handler
};

FAASNAP_EXPORT const char* to_string(Recorder recorder) noexcept;

// The first touches of pages that the fault handler of a restored VM notes.
enum class AccessRecording {
  none,
  // The pages that the guest waited for. Costs the guest nothing. A page that came along with
  // another one is not noted, nor one whose touch the kernel answers.
  misses,
  // Every page that the setting does not load. Each touch is answered by itself, and costs the
  // guest a wait for the handler, some ten microseconds.
  all,
};

// The first touch of one page.
struct PageAccess {
  PageIndex page;
  // Time since the guest was resumed.
  Nanoseconds time{0};
  // True if the touch was a write.
  bool write = false;
  // True if the page was all zero at that time.
  bool zero = false;
  // True if a clone restored with Setting::stream took this fault because its stream set lacks the
  // page.
  bool missed = false;

  constexpr auto operator<=>(const PageAccess&) const = default;
};

// The pages of one working set group (FaaSnap, section 4.3): runs, sorted by address.
using PageGroup = std::vector<PageRange>;

}  // namespace faasnap
