// SPDX-License-Identifier: Apache-2.0

#include "paging/reads/io_buffers.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>

#include "base/error.h"

namespace faasnap::paging {
namespace {

constexpr std::uint64_t kHugePage = 2ULL << 20;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t step) {
  return (value + step - 1) / step * step;
}

}  // namespace

IoBuffers::IoBuffers(Bytes each, unsigned count) : each_(each) {
  const std::uint64_t needed = each.value * count;
  // Less than a huge page is not worth one.
  const std::uint64_t align = needed >= kHugePage ? kHugePage : kPageSize;
  size_ = {round_up(needed, align)};
  mapping_ = base::Mapping::anonymous(size_ + Bytes{align - kPageSize});
  begin_ = mapping_.data() + (round_up(reinterpret_cast<std::uintptr_t>(mapping_.data()), align) -
                              reinterpret_cast<std::uintptr_t>(mapping_.data()));
  // EINVAL: a kernel without huge pages, on which reads are slower and nothing else changes.
  if (align == kHugePage && ::madvise(begin_, size_.value, MADV_HUGEPAGE) != 0 && errno != EINVAL) {
    base::fail_errno("madvise(MADV_HUGEPAGE) read buffers");
  }
  const int populated =
      base::retry_eintr([&] { return ::madvise(begin_, size_.value, MADV_POPULATE_WRITE); });
  if (populated != 0) {
    base::fail_errno("madvise(MADV_POPULATE_WRITE) read buffers");
  }
}

}  // namespace faasnap::paging
