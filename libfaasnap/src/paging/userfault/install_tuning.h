// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>

#include <faasnap/units.h>

namespace faasnap::paging {

// How installing works; none of it changes what memory holds in the end.
struct InstallTuning {
  // Bytes of one read, a multiple of the page size.
  Bytes piece{512ULL << 10};
  // Reads under way at once, each with a buffer of its own.
  unsigned depth = 8;
  // Zero pages that are installed at a time.
  std::uint64_t zero_pages = 64;
  // Pages of the aligned block of the memory file that a miss reads, the missed one among them.
  std::uint64_t miss_pages = 16;
  // Pages of the aligned block whose zero pages come along with a missed one.
  std::uint64_t miss_zero_pages = 64;
  // Misses that are read at once.
  unsigned misses = 16;
  // For tests, to disturb the timing: the loading and handling threads call it before each of their
  // steps.
  std::function<void()> before_step{};
};

// Throws ErrorKind::invalid_argument for a value out of range.
const InstallTuning& checked(const InstallTuning& tuning);

}  // namespace faasnap::paging
