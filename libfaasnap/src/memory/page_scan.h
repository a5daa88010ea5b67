#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <faasnap/units.h>

namespace faasnap::memory {

// Whether all of `page` (a whole number of 64-byte blocks) is zero.
bool is_zero(std::span<const std::byte> page) noexcept;

// The pages of `host` (page-aligned memory of this process) that are in memory or swapped out,
// sorted and merged: of anonymous memory, all that can be other than zero. Of memory that maps a
// file privately, only what has been touched: the caller adds the file's own data. From
// /proc/self/pagemap; touches nothing.
std::vector<PageRange> touched_pages(std::span<const std::byte> host);

}  // namespace faasnap::memory
