// SPDX-License-Identifier: Apache-2.0

#include "memory/page_scan.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/files/file.h"
#include "memory/page_set.h"

namespace faasnap::memory {
namespace {

// Kernel documentation, admin-guide/mm/pagemap.rst.
constexpr std::uint64_t kSwapped = 1ULL << 62;
constexpr std::uint64_t kPresent = 1ULL << 63;
constexpr const char* kPagemap = "/proc/self/pagemap";
constexpr std::uint64_t kEntriesPerRead = 16384;

}  // namespace

bool is_zero(std::span<const std::byte> page) noexcept {
  // The fixed block size lets the compiler use vector instructions.
  constexpr std::size_t kWords = 8;
  while (!page.empty()) {
    std::uint64_t words[kWords];
    std::memcpy(words, page.data(), sizeof(words));
    std::uint64_t any = 0;
    for (const std::uint64_t word : words) {
      any |= word;
    }
    if (any != 0) {
      return false;
    }
    page = page.subspan(sizeof(words));
  }
  return true;
}

void require_pagemap() { base::open_file(kPagemap, O_RDONLY); }

std::vector<PageRange> touched_pages(std::span<const std::byte> host) {
  const base::UniqueFd pagemap = base::open_file(kPagemap, O_RDONLY);
  const std::uint64_t first = reinterpret_cast<std::uintptr_t>(host.data()) / kPageSize;
  const std::uint64_t pages = host.size() / kPageSize;
  PageSet touched;
  std::vector<std::uint64_t> entries(std::min(pages, kEntriesPerRead));
  for (std::uint64_t page = 0; page < pages; page += entries.size()) {
    const std::uint64_t count = std::min<std::uint64_t>(entries.size(), pages - page);
    const std::span now(entries.data(), count);
    base::read_exact(pagemap, std::as_writable_bytes(now), (first + page) * sizeof(std::uint64_t),
                     kPagemap);
    for (std::uint64_t i = 0; i < count; ++i) {
      if ((now[i] & (kPresent | kSwapped)) != 0) {
        touched.append({PageIndex{page + i}, 1});
      }
    }
  }
  return std::move(touched).runs();
}

}  // namespace faasnap::memory
