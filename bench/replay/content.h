// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/units.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "replay/trace/random.h"
#include "replay/trace/trace.h"

namespace faasnap::bench {

// The bytes of a replayed guest's memory: pseudo-random where the image is not zero, and one marked
// word in each page that the guest has written. Of twelve words five are those of no other page;
// the others are the same in all pages, so that LZ4 makes of it about what it makes of real guests.

inline constexpr std::uint64_t kWordsInPage = kPageSize / sizeof(std::uint64_t);

inline constexpr std::uint64_t kPattern = 12;
inline constexpr std::uint64_t kOwnWords = 5;

// Never 0.
constexpr std::uint64_t word_of_image(PageIndex page, std::uint64_t word) {
  return mix(word % kPattern < kOwnWords ? page.value * kWordsInPage + word : word) | 1;
}

// The word of `page` that a touch reads or writes, one of its own, and the value that it writes.
constexpr std::uint64_t touched_word(PageIndex page) {
  return mix(page.value) % (kWordsInPage / kPattern) * kPattern;
}
constexpr std::uint64_t marker_of(PageIndex page) { return ~mix(~page.value); }

// Fills the pages of `runs`; `memory` must be zero and have the size of guest memory.
void fill_image(std::span<std::byte> memory, std::span<const PageRange> runs);

// The content that every page must have at some point of a replay.
class ExpectedMemory {
 public:
  // Expects the state after all accesses of `trace`, which must outlive this.
  explicit ExpectedMemory(const Trace& trace);

  // Returns the first page of `memory` that differs. Compares all pages or, if `touched_only`,
  // those that the trace touches.
  std::optional<PageIndex> first_difference(std::span<const std::byte> memory,
                                            bool touched_only) const;

 private:
  bool same(const std::byte* bytes, PageIndex page) const;

  const Trace& trace_;
  std::vector<bool> nonzero_;
  std::vector<bool> written_;
};

}  // namespace faasnap::bench
