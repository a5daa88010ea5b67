#pragma once

#include <faasnap/units.h>

namespace faasnap {

// Pages that were brought into guest memory ahead of the guest's use of them, and when they were
// there: `time` counts from the begin of loading.
struct PageLoad {
  PageRange pages;
  Nanoseconds time{0};

  constexpr auto operator<=>(const PageLoad&) const = default;
};

}  // namespace faasnap
