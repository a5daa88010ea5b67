// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include <faasnap/units.h>

#include "base/files/fd.h"
#include "base/files/mapping.h"

namespace faasnap::memory {

// Copies pages of guest memory that may be unavailable (PageGuard). A load of a page whose file is
// truncated or whose disk fails kills the process (SIGBUS); here the kernel copies the page and
// reports it instead. A page that is mapped from a file and untouched stays so: the copy costs no
// private page of guest memory. For one thread at a time.
class PageCopier {
 public:
  // Maximum number of pages in one copy.
  static constexpr std::uint64_t kMaximumPages = 256;

  // `host` is guest memory from page 0 on, and must outlive the copier.
  explicit PageCopier(std::span<const std::byte> host);

  // Returns the content of `pages`, valid until the next call, or nothing if one of them is
  // unavailable. Waits for the disk or the fault handler.
  std::optional<std::span<const std::byte>> copy(PageRange pages);

 private:
  std::span<const std::byte> host_;
  base::UniqueFd buffer_;
  base::Mapping mapped_;
};

}  // namespace faasnap::memory
