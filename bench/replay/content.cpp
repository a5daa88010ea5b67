// SPDX-License-Identifier: Apache-2.0

#include "replay/content.h"

#include <array>
#include <cstring>

namespace faasnap::bench {
namespace {

using Page = std::array<std::uint64_t, kWordsInPage>;

void make_page(PageIndex page, Page& words) {
  for (std::uint64_t word = 0; word < kWordsInPage; ++word) {
    words[word] = word_of_image(page, word);
  }
}

}  // namespace

void fill_image(std::span<std::byte> memory, std::span<const PageRange> runs) {
  Page words;
  for (const PageRange& run : runs) {
    for (PageIndex page = run.first; page < run.end(); page = page + 1) {
      make_page(page, words);
      std::memcpy(memory.data() + page.offset().value, words.data(), kPageSize);
    }
  }
}

ExpectedMemory::ExpectedMemory(const Trace& trace)
    : trace_(trace),
      nonzero_(page_map(trace.memory, trace.nonzero)),
      written_(trace.memory.pages()) {
  for (const PageAccess& access : trace.accesses) {
    if (access.write) {
      written_[access.page.value] = true;
    }
  }
}

bool ExpectedMemory::same(const std::byte* bytes, PageIndex page) const {
  Page words{};
  if (nonzero_[page.value]) {
    make_page(page, words);
  }
  if (written_[page.value]) {
    words[touched_word(page)] = marker_of(page);
  }
  return std::memcmp(bytes, words.data(), kPageSize) == 0;
}

std::optional<PageIndex> ExpectedMemory::first_difference(std::span<const std::byte> memory,
                                                          bool touched_only) const {
  const auto differs = [&](PageIndex page) {
    return !same(memory.data() + page.offset().value, page);
  };
  if (touched_only) {
    for (const PageAccess& access : trace_.accesses) {
      if (differs(access.page)) {
        return access.page;
      }
    }
    return std::nullopt;
  }
  for (PageIndex page; page.value < trace_.memory.pages(); page = page + 1) {
    if (differs(page)) {
      return page;
    }
  }
  return std::nullopt;
}

}  // namespace faasnap::bench
