// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <faasnap/restore_options.h>

#include "format/page_set_file.h"
#include "memory/image_map.h"
#include "paging/plan/planner.h"
#include "paging/support.h"

namespace faasnap::test {

// The content of each page of guest memory after every mapping of a plan was applied.
struct Behind {
  Backing backing = Backing::anonymous;
  std::uint64_t file_page = 0;
  std::uint32_t layer = 0;
  bool mapped = false;
};

inline std::vector<Behind> apply_mappings(const RestorePlan& plan, std::uint64_t pages) {
  std::vector<Behind> memory(pages);
  for (const PlannedMapping& mapping : plan.mappings) {
    REQUIRE(mapping.file_offset.value % kPageSize == 0);
    for (std::uint64_t i = 0; i < mapping.guest.count; ++i) {
      memory.at(mapping.guest.first.value + i) = {mapping.backing, mapping.file_offset.pages() + i,
                                                  mapping.layer, true};
    }
  }
  return memory;
}

// The files of a snapshot as numbers: a non-zero page is its own number plus one, a page of zeros
// is 0.
class FakeFiles {
 public:
  FakeFiles(std::uint64_t pages, std::span<const PageRange> nonzero) : image_(pages) {
    for (const PageRange& run : nonzero) {
      for (PageIndex page = run.first; page < run.end(); page = page + 1) {
        image_[page.value] = page.value + 1;
      }
    }
  }
  // The image's pages are in the memory files of these layers, which hold other content where a
  // later layer hides theirs.
  void add(std::span<const paging::ImageLayer> layers) {
    for (const paging::ImageLayer& layer : layers) {
      std::vector<std::uint64_t>& file = layers_.emplace_back(image_.size());
      for (const PageRange& run : layer.stored.runs()) {
        for (PageIndex page = run.first; page < run.end(); page = page + 1) {
          file.at(page.value) = kHidden + page.value;
        }
      }
      for (const PageRange& run : layer.shown.runs()) {
        for (PageIndex page = run.first; page < run.end(); page = page + 1) {
          file.at(page.value) = image_.at(page.value);
        }
      }
    }
  }
  // `file` holds copies of the image's pages.
  void add(Backing file, std::span<const format::StoredPageRun> regions) {
    for (const auto& region : regions) {
      for (std::uint64_t i = 0; i < region.guest.count; ++i) {
        sets_[{file, region.file_offset.pages() + i}] = image_.at(region.guest.first.value + i);
      }
    }
  }

  const std::vector<std::uint64_t>& image() const { return image_; }
  std::uint64_t content(Backing file, std::uint64_t page, std::uint32_t layer) const {
    if (file == Backing::anonymous) {
      return 0;
    }
    if (file != Backing::memory_file) {
      return sets_.at({file, page});
    }
    return layers_.empty() ? image_.at(page) : layers_.at(layer).at(page);
  }

 private:
  static constexpr std::uint64_t kHidden = 1ULL << 40;

  std::vector<std::vector<std::uint64_t>> layers_;
  std::vector<std::uint64_t> image_;
  std::map<std::pair<Backing, std::uint64_t>, std::uint64_t> sets_;
};

// Returns what the guest reads from each page in the end: as mapped, installed by a read, installed
// as zeros, or answered by the fault handler.
inline std::vector<std::uint64_t> contents_after(const RestorePlan& plan, const FakeFiles& files) {
  const std::uint64_t pages = files.image().size();
  const auto behind = apply_mappings(plan, pages);
  std::vector<std::uint64_t> shown(pages);
  for (std::uint64_t page = 0; page < pages; ++page) {
    REQUIRE(behind[page].mapped);
    shown[page] = files.content(behind[page].backing, behind[page].file_page, behind[page].layer);
  }
  if (const HandledFaults* handled = plan.handled()) {
    // Only stream maps anything beside a handler, and of bases only.
    REQUIRE(std::ranges::all_of(behind, [&](const Behind& page) {
      return page.backing == Backing::anonymous ||
             (plan.setting == Setting::stream && page.backing == Backing::memory_file &&
              page.layer != 0);
    }));
    const auto has_data = as_bits(handled->nonzero, pages);
    const memory::ImageMap based(handled->based);
    for (std::uint64_t page = 0; page < pages; ++page) {
      if (behind[page].backing != Backing::anonymous) {
        continue;  // the kernel answers, from the file
      }
      shown[page] = has_data[page] ? files.content(Backing::memory_file, page,
                                                   based.layer_of({page}).value_or(0))
                                   : 0;
    }
    for (const PlannedRead& read : plan.reads()) {
      for (std::uint64_t i = 0; i < read.guest.count; ++i) {
        shown.at(read.guest.first.value + i) =
            files.content(read.file, read.file_offset.pages() + i, read.layer);
      }
    }
    for (const PageRange& run : plan.zero_pages()) {
      for (PageIndex page = run.first; page < run.end(); page = page + 1) {
        shown.at(page.value) = 0;
      }
    }
  }
  return shown;
}

}  // namespace faasnap::test
