#pragma once

#include <compare>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/units.h>

namespace faasnap {

// How a working set was recorded.
enum class Recorder {
  mincore,      // pages of the memory file that came into the page cache (FaaSnap, section 4.4)
  userfaultfd,  // first touches of guest memory, each noted by a fault handler
};

FAASNAP_EXPORT const char* to_string(Recorder recorder) noexcept;

// The first touch of one page.
struct PageAccess {
  PageIndex page;
  // Since the guest was let go.
  Nanoseconds time{0};
  // Whether the touch was a write.
  bool write = false;
  // Whether the page was all zero then.
  bool zero = false;
  // Whether it was noted in a clone that stream restored, which had not foreseen it.
  bool missed = false;

  constexpr auto operator<=>(const PageAccess&) const = default;
};

// The pages of one working set group (FaaSnap, section 4.3): runs, sorted by address.
using PageGroup = std::vector<PageRange>;

}  // namespace faasnap
