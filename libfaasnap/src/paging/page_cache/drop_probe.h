// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>

namespace faasnap::paging {

// Number of pages of a written file that are in the page cache, before and after dropping them.
struct DroppedPages {
  std::uint64_t before = 0;
  std::uint64_t after = 0;

  // True if it can be seen which pages are there, and they can be dropped.
  bool good() const noexcept { return before != 0 && after == 0; }
};

// Tries that with a file without a name in `directory`.
DroppedPages try_dropping_pages(const std::filesystem::path& directory);

}  // namespace faasnap::paging
