// SPDX-License-Identifier: Apache-2.0

#include "paging/userfault/install_tuning.h"

#include <fmt/format.h>

#include "base/error.h"

namespace faasnap::paging {
namespace {

void check_range(const char* name, std::uint64_t value, std::uint64_t limit) {
  if (value == 0 || value > limit) {
    base::fail(ErrorKind::invalid_argument, "load guest memory", {},
               fmt::format("{} {}, expected 1 to {}", name, value, limit));
  }
}

}  // namespace

const InstallTuning& checked(const InstallTuning& tuning) {
  check_range("bytes of a read", tuning.piece.value, 16ULL << 20);
  if (tuning.piece.value % kPageSize != 0) {
    base::fail(ErrorKind::invalid_argument, "load guest memory", {},
               fmt::format("bytes of a read {}, expected a multiple of {}", tuning.piece.value,
                           kPageSize));
  }
  check_range("reads at once", tuning.depth, 256);
  check_range("zero pages at a time", tuning.zero_pages, 4096);
  check_range("pages of a miss", tuning.miss_pages, 64);
  check_range("zero pages of a miss", tuning.miss_zero_pages, 4096);
  check_range("misses at once", tuning.misses, 256);
  return tuning;
}

}  // namespace faasnap::paging
