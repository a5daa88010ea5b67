// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <faasnap/units.h>

namespace faasnap::memory {

// True if all of `page`, a whole number of 64-byte blocks, is zero.
bool is_zero(std::span<const std::byte> page) noexcept;

// Returns the pages of `host`, page-aligned memory of this process, that are present or swapped
// out, sorted and merged. For anonymous memory these are all pages that can be non-zero. For
// private file mappings they are only the touched pages: the caller adds the file's own data. Reads
// /proc/self/pagemap and touches no page.
std::vector<PageRange> touched_pages(std::span<const std::byte> host);
// Throws what touched_pages would throw where there is no /proc/self/pagemap.
void require_pagemap();

}  // namespace faasnap::memory
