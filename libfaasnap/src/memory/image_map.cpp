// SPDX-License-Identifier: Apache-2.0

#include "memory/image_map.h"

namespace faasnap::memory {

std::vector<ImageRun>::const_iterator ImageMap::first_ending_after(PageIndex page) const noexcept {
  return std::ranges::partition_point(
      runs_, [page](const ImageRun& run) { return run.guest.end() <= page; });
}

std::optional<std::uint32_t> ImageMap::layer_of(PageIndex page) const noexcept {
  const auto run = first_ending_after(page);
  if (run == runs_.end() || page < run->guest.first) {
    return std::nullopt;
  }
  return run->layer;
}

PageSet ImageMap::pages() const {
  PageSet pages;
  for (const ImageRun& run : runs_) {
    pages.append(run.guest);
  }
  return pages;
}

PageSet ImageMap::pages_of(std::uint32_t layer) const {
  PageSet pages;
  for (const ImageRun& run : runs_) {
    if (run.layer == layer) {
      pages.append(run.guest);
    }
  }
  return pages;
}

ImageMap lay_over(const ImageMap& base, std::span<const PageRange> stored,
                  std::span<const PageRange> based) {
  std::vector<ImageRun> runs;
  for (const PageRange& run : stored) {
    runs.push_back({run, 0});
  }
  for (const PageRange& run : based) {
    base.cut(run, [&](PageRange part, std::optional<std::uint32_t> layer) {
      if (layer) {
        runs.push_back({part, *layer + 1});
      }
    });
  }
  std::ranges::sort(runs, {}, [](const ImageRun& run) { return run.guest.first; });
  return ImageMap(std::move(runs));
}

}  // namespace faasnap::memory
