// SPDX-License-Identifier: Apache-2.0

#include "machine/released_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

#include "memory/page_set.h"

namespace faasnap::machine {

bool ReleasedPages::release(PageRange pages) noexcept {
  try {
    released_.resize(memory_.size().pages());
  } catch (const std::bad_alloc&) {
    return false;
  }
  memory_.forget(pages);
  std::byte* start = memory_.host().data() + pages.first.offset().value;
  if (::madvise(start, pages.size().value, MADV_DONTNEED) != 0) {
    return false;
  }
  const auto first = released_.begin() + static_cast<std::ptrdiff_t>(pages.first.value);
  std::fill_n(first, pages.count, true);
  size_ += pages.size().value;
  return true;
}

std::vector<PageRange> ReleasedPages::pages() const {
  memory::PageSet pages;
  for (std::uint64_t page = 0; page < released_.size(); ++page) {
    if (released_[page]) {
      pages.append({PageIndex{page}, 1});
    }
  }
  return std::move(pages).runs();
}

}  // namespace faasnap::machine
