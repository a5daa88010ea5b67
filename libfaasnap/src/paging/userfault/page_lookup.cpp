#include "paging/userfault/page_lookup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace faasnap::paging {
namespace {

[[noreturn]] void reject_entry(const std::string& reason) {
  base::fail(ErrorKind::invalid_argument, "load guest memory", {}, reason);
}

auto first_run_ending_after(std::span<const PageRange> runs, PageIndex page) {
  return std::partition_point(runs.begin(), runs.end(),
                              [&](const PageRange& run) { return run.end() <= page; });
}

}  // namespace

PageLookup::PageLookup(std::span<const ReadPiece> pieces, std::span<const ZeroStretch> zeros,
                       Bytes memory) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    for (const PageRange& pages : pieces[i].guest) {
      entries_.push_back({pages, i});
    }
  }
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    entries_.push_back({zeros[i].pages, pieces.size() + i});
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.pages < b.pages; });
  PageIndex end{0};
  for (const Entry& entry : entries_) {
    if (entry.pages.count > memory.pages() ||
        entry.pages.first.value > memory.pages() - entry.pages.count) {
      reject_entry(fmt::format("{} pages from page {} do not fit a guest of {} pages",
                               entry.pages.count, entry.pages.first.value, memory.pages()));
    }
    if (entry.pages.first < end) {
      reject_entry(fmt::format("page {} is loaded twice", entry.pages.first.value));
    }
    end = entry.pages.end();
  }
}

std::optional<std::size_t> PageLookup::part_of(PageIndex page) const {
  const auto entry =
      std::partition_point(entries_.begin(), entries_.end(),
                           [&](const Entry& candidate) { return candidate.pages.end() <= page; });
  if (entry == entries_.end() || page < entry->pages.first) {
    return std::nullopt;
  }
  return entry->part;
}

std::optional<PageRange> run_with(std::span<const PageRange> runs, PageIndex page) {
  const auto run = first_run_ending_after(runs, page);
  if (run == runs.end() || page < run->first) {
    return std::nullopt;
  }
  return *run;
}

void check_zero_pages(std::span<const PageRange> zeros, std::span<const PageRange> nonzero) {
  for (const PageRange& pages : zeros) {
    const auto run = first_run_ending_after(nonzero, pages.first);
    if (run != nonzero.end() && run->first < pages.end()) {
      reject_entry(fmt::format("page {} is to be zero, and the memory file has data for it",
                               std::max(run->first, pages.first).value));
    }
  }
}

}  // namespace faasnap::paging
