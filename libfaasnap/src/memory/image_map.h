// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <faasnap/image_run.h>
#include <faasnap/units.h>

#include "memory/page_set.h"

namespace faasnap::memory {

// Says for each page of an image which layer has its data, if it has any. A value. A lookup is a
// binary search and allocates nothing.
class ImageMap {
 public:
  ImageMap() = default;
  // `runs` must be sorted by address, not empty, and disjoint.
  explicit ImageMap(std::vector<ImageRun> runs) : runs_(std::move(runs)) {}

  const std::vector<ImageRun>& runs() const noexcept { return runs_; }
  // Returns nothing for a page without data.
  std::optional<std::uint32_t> layer_of(PageIndex page) const noexcept;
  // Returns the pages with data, and those whose data are in layer `layer`.
  PageSet pages() const;
  PageSet pages_of(std::uint32_t layer) const;

  // Cuts `range` where runs begin and end, and calls `use(part, layer)` for each part, in order:
  // `layer` is nothing for a part without data.
  template <typename Use>
  void cut(PageRange range, Use use) const {
    auto run = first_ending_after(range.first);
    for (PageIndex page = range.first; page < range.end();) {
      const bool inside = run != runs_.end() && run->guest.first <= page;
      PageIndex end = range.end();
      if (run != runs_.end()) {
        end = std::min(end, inside ? run->guest.end() : run->guest.first);
      }
      use(PageRange{page, end - page}, inside ? std::optional(run->layer) : std::nullopt);
      page = end;
      run += inside ? 1 : 0;
    }
  }

 private:
  std::vector<ImageRun>::const_iterator first_ending_after(PageIndex page) const noexcept;

  std::vector<ImageRun> runs_;
};

// Returns the map of a layer that stores the pages `stored` itself and takes the pages `based`,
// disjoint from them, from its base, which has the map `base`. Pages of `based` that the base has
// no data for are left out.
ImageMap lay_over(const ImageMap& base, std::span<const PageRange> stored,
                  std::span<const PageRange> based);

}  // namespace faasnap::memory
