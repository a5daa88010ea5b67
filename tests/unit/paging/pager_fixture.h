// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/mman.h>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include "format/page_set_file.h"
#include "memory/guest_memory.h"
#include "paging/pager.h"
#include "paging/plan/planner.h"
#include "paging/support.h"
#include "paging/userfault/userfault.h"

namespace faasnap::test {

inline void require_paging() {
  try {
    const memory::GuestMemory memory(memory::kMinimumSize);
    paging::Userfault(memory.host()).watch({{0}, 1});
  } catch (const Error& error) {
    SKIP(error.what());
  }
}

// Returns what the plan of a streamed restore installs, for a test to change.
inline InstallWhileRunning& installed(RestorePlan& plan) {
  return std::get<InstallWhileRunning>(std::get<HandledFaults>(plan.faults).load);
}

// Touches the first byte of a page as the guest would.
inline volatile std::byte& at(const memory::GuestMemory& guest, PageIndex page) {
  return guest.host()[page.offset().value];
}
inline std::byte touch(const memory::GuestMemory& guest, PageIndex page) { return at(guest, page); }

// A snapshot's files as the paging floor sees them: a memory image with runs of data between runs
// of zeros, and a set file with some of the data, in a scrambled order.
class PagedImage {
 public:
  static constexpr Bytes kMemory = memory::kMinimumSize;
  static constexpr Bytes kHeader = 8_KiB;
  // Long enough that the plan leaves it to the kernel.
  static constexpr PageRange kLongGap{{10000}, 3000};

  explicit PagedImage(std::uint32_t seed = 1) {
    require_paging();
    std::mt19937 random(seed);
    for (const PageRange& run : random_runs(random, kMemory.pages(), 0.15, 24)) {
      if (run.end() <= kLongGap.first || kLongGap.end() <= run.first) {
        nonzero_.push_back(run);
      }
    }
    if (::ftruncate(memory_.fd().get(), static_cast<off_t>(kMemory.value)) != 0) {
      base::fail_errno("truncate", memory_.ref().path);
    }
    for (const PageRange& run : nonzero_) {
      memory_.write(run);
    }
    Bytes offset = kHeader;
    for (const PageRange& run : nonzero_) {
      if (random() % 2 == 0) {
        set_.push_back(random() % 3 == 0 ? PageRange{run.first, (run.count + 1) / 2} : run);
      }
    }
    std::shuffle(set_.begin(), set_.end(), random);
    for (const PageRange& pages : set_) {
      reads_.push_back({Backing::stream_set, offset, pages});
      set_file_.write(pages, offset);
      offset += pages.size();
    }
    for (std::size_t i = 0; i + 1 < nonzero_.size(); ++i) {
      const PageIndex gap = nonzero_[i].end();
      if (nonzero_[i + 1].first <= kLongGap.first && random() % 2 == 0) {
        zeros_.push_back({gap, (nonzero_[i + 1].first - gap + 1) / 2});
      }
    }
    zeros_.push_back({kLongGap.first + 1000, 200});
    std::shuffle(zeros_.begin(), zeros_.end(), random);
    image_ = base::Mapping::file(memory_.fd(), 0, kMemory, PROT_READ, MAP_SHARED);
  }

  // Returns the plan that the planner makes.
  RestorePlan stream() const {
    return handled(Setting::stream,
                   {.load = InstallWhileRunning{.reads = reads_, .zero_pages = zeros_}});
  }
  // Returns the plan for the same set, which write_compressed has written into `compressed`.
  RestorePlan stream_of(const PageFile& compressed) const {
    const auto table = format::read_page_set_table(compressed.fd(), compressed.ref().path);
    return paging::plan_restore(Setting::stream, {.memory = kMemory,
                                                  .nonzero = nonzero_,
                                                  .stream_set = table.regions,
                                                  .stream_blocks = table.blocks,
                                                  .stream_block_pages = table.block_pages,
                                                  .zero_runs = zeros_});
  }
  // Writes the set compressed into the empty file.
  void write_compressed(const PageFile& file, std::uint64_t block_pages) const {
    std::vector<format::PageRun> regions;
    for (const PageRange& pages : set_) {
      regions.push_back({pages, 0});
    }
    format::write_page_set(file.fd(), file.ref().path,
                           {"id", kMemory, {}, regions, zeros_, block_pages},
                           format::ImageContent(memory_.fd(), memory_.ref().path, kMemory));
  }
  // Returns the files, with the compressed set in the place of the other.
  paging::SnapshotFiles files_with(const PageFile& compressed) const {
    paging::SnapshotFiles files = this->files();
    files.stream_set = compressed.ref();
    return files;
  }
  RestorePlan reap() const {
    return handled(Setting::reap, {.load = InstallBeforeStart{.reads = reads_}});
  }
  RestorePlan recording() const { return handled(Setting::lazy, {.record = AccessRecording::all}); }
  RestorePlan lazy() const {
    RestorePlan plan;
    plan.mappings.push_back({{{0}, kMemory.pages()}, Backing::memory_file, {}});
    return plan;
  }
  RestorePlan concurrent() const {
    RestorePlan plan = lazy();
    plan.setting = Setting::concurrent;
    ReadIntoPageCache load;
    for (const PageRange& pages : set_) {
      load.reads.push_back({Backing::memory_file, pages.first.offset(), pages});
    }
    plan.faults = KernelFaults{.load = std::move(load)};
    return plan;
  }

  paging::SnapshotFiles files() const {
    paging::SnapshotFiles files;
    files.memory = memory_.ref();
    files.stream_set = set_file_.ref();
    return files;
  }
  const PageFile& memory_file() const { return memory_; }
  const PageFile& set_file() const { return set_file_; }
  const std::vector<PageRange>& nonzero() const { return nonzero_; }
  const std::vector<PageRange>& set() const { return set_; }
  const std::vector<PageRange>& zeros() const { return zeros_; }
  // Returns the first page of a run of at least `pages` pages with data that are not in the set.
  PageIndex unforeseen_data(std::uint64_t pages) const {
    for (const PageRange& run : nonzero_) {
      const auto in_set = [&](const PageRange& other) { return other.first == run.first; };
      if (run.count >= pages && std::none_of(set_.begin(), set_.end(), in_set)) {
        return run.first;
      }
    }
    throw std::logic_error("no such run");
  }
  static std::uint64_t count(std::span<const PageRange> ranges) {
    std::uint64_t pages = 0;
    for (const PageRange& range : ranges) {
      pages += range.count;
    }
    return pages;
  }

  // Returns the first page of `memory` that differs from the image, if any. Touches every page, in
  // an order that depends on `seed`.
  std::optional<PageIndex> first_difference(const memory::GuestMemory& memory,
                                            std::uint32_t seed) const {
    std::vector<std::uint64_t> order(kMemory.pages());
    for (std::uint64_t i = 0; i < order.size(); ++i) {
      order[i] = i;
    }
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    for (const std::uint64_t page : order) {
      const std::byte* seen = memory.host().data() + page * kPageSize;
      if (std::memcmp(seen, image().data() + page * kPageSize, kPageSize) != 0) {
        return PageIndex{page};
      }
    }
    return std::nullopt;
  }
  // Returns the whole memory file, mapped.
  std::span<const std::byte> image() const { return image_.bytes(); }

 private:
  RestorePlan handled(Setting setting, HandledFaults faults) const {
    faults.nonzero = nonzero_;
    return {.setting = setting,
            .mappings = {{{{0}, kMemory.pages()}, Backing::anonymous, {}}},
            .faults = std::move(faults)};
  }

  ScratchDirectory directory_;
  PageFile memory_{directory_.path() / "memory", kMemory, 0};
  PageFile set_file_{directory_.path() / "stream-set", kHeader, 0};
  std::vector<PageRange> nonzero_;
  std::vector<PageRange> set_;
  std::vector<PageRange> zeros_;
  std::vector<PlannedRead> reads_;
  base::Mapping image_;
};

}  // namespace faasnap::test
