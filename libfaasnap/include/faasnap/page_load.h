// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/units.h>

namespace faasnap {

// Pages that were brought into guest memory ahead of the guest's touch. `time` is when they were
// present, counted from the start of loading.
struct PageLoad {
  PageRange pages;
  Nanoseconds time{0};

  constexpr auto operator<=>(const PageLoad&) const = default;
};

}  // namespace faasnap
