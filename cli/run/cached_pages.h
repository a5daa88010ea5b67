// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <faasnap/snapshot.h>

namespace faasnap::cli {

// How many pages of a snapshot are in the page cache, or the reason why the kernel does not tell.
struct CachedPages {
  std::optional<std::uint64_t> pages = 0;
  std::string reason{};
};

// Throws no ErrorKind::permission: who may read a snapshot but not write it may still serve it.
CachedPages cached_pages(const Snapshot& snapshot);

}  // namespace faasnap::cli
