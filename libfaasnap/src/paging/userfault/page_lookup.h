#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/units.h>

#include "paging/plan/read_pieces.h"
#include "paging/plan/watched_pages.h"

namespace faasnap::paging {

// Finds the part of a plan's loading that brings a page: the piece of its reads, or the stretch of
// its zero pages. Immutable, safe from any thread.
class PageLookup {
 public:
  PageLookup() = default;
  // Parts are numbered: first the pieces, then the stretches. Throws ErrorKind::invalid_argument
  // for a page that is in two of them, or beyond `memory`.
  PageLookup(std::span<const ReadPiece> pieces, std::span<const ZeroStretch> zeros, Bytes memory);

  std::optional<std::size_t> part_of(PageIndex page) const;

 private:
  struct Entry {
    PageRange pages;
    std::size_t part;
  };

  std::vector<Entry> entries_;  // sorted by page
};

// The run of `runs`, which are sorted and disjoint, that holds `page`.
std::optional<PageRange> run_with(std::span<const PageRange> runs, PageIndex page);

// Throws ErrorKind::invalid_argument unless every stretch of `zeros` lies outside `nonzero`, which
// must be sorted and disjoint: a page that has data must never be made zero.
void check_zero_pages(std::span<const PageRange> zeros, std::span<const PageRange> nonzero);

}  // namespace faasnap::paging
