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

// What the bytes of a replayed guest's memory are: pseudo-random where the image is not zero, each
// word another, and one marked word in each page that the guest has written.

inline constexpr std::uint64_t kWordsInPage = kPageSize / sizeof(std::uint64_t);

// Never 0.
constexpr std::uint64_t word_of_image(PageIndex page, std::uint64_t word) {
  return mix(page.value * kWordsInPage + word) | 1;
}

// The word of `page` that a touch reads or writes, and what it writes there.
constexpr std::uint64_t touched_word(PageIndex page) { return mix(page.value) % kWordsInPage; }
constexpr std::uint64_t marker_of(PageIndex page) { return ~mix(~page.value); }

// Fills the pages of `runs`; `memory` is zero and as large as guest memory.
void fill_image(std::span<std::byte> memory, std::span<const PageRange> runs);

// What every page must hold at some point of a replay.
class ExpectedMemory {
 public:
  // After all accesses of `trace`, which must outlive this.
  explicit ExpectedMemory(const Trace& trace);

  // The first page of `memory` that holds other bytes. Compares all pages, or with `touched_only`
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
