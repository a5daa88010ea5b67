// SPDX-License-Identifier: Apache-2.0

#include "memory/page_guard.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace faasnap::memory {
namespace {

constexpr std::uint64_t kBits = 64;

// Calls change(word, mask) for each word of `bitmap` with bits of `pages`, which `mask` names.
template <typename Change>
void for_each_word(std::vector<std::atomic<std::uint64_t>>& bitmap, PageRange pages,
                   Change change) {
  const std::uint64_t end = pages.end().value;
  for (std::uint64_t page = pages.first.value; page < end;) {
    const std::uint64_t word_end = std::min(end, (page / kBits + 1) * kBits);
    const std::uint64_t mask = (~std::uint64_t{0} >> (kBits - (word_end - page))) << (page % kBits);
    change(bitmap[page / kBits], mask);
    page = word_end;
  }
}

}  // namespace

PageGuard::PageGuard(std::span<std::byte> host, Callbacks callbacks)
    : host_(host),
      callbacks_(std::move(callbacks)),
      admitted_((Bytes{host.size()}.pages() + kBits - 1) / kBits) {
  // Advice for no bytes tells whether the kernel knows it.
  if (::madvise(host_.data(), 0, MADV_POPULATE_WRITE) != 0) {
    base::fail(ErrorKind::unsupported, "guard guest memory", {},
               "this kernel has no MADV_POPULATE_WRITE (Linux 5.14)");
  }
}

void PageGuard::refuse(PageRange pages, const char* reason) const noexcept {
  if (!closed_) {
    callbacks_.refused(pages, reason);
  }
}

PageIndex PageGuard::find(PageRange pages, bool admitted) const noexcept {
  for (std::uint64_t page = pages.first.value; page < pages.end().value;
       page = (page / kBits + 1) * kBits) {
    const std::uint64_t word = admitted_[page / kBits].load(std::memory_order_acquire);
    const std::uint64_t wanted = (admitted ? word : ~word) & (~std::uint64_t{0} << (page % kBits));
    if (wanted != 0) {
      const std::uint64_t first = page / kBits * kBits + std::countr_zero(wanted);
      return std::min(PageIndex{first}, pages.end());
    }
  }
  return pages.end();
}

bool PageGuard::populate(PageRange pages) const noexcept {
  std::byte* const start = host_.data() + pages.first.offset().value;
  if (base::retry_eintr(
          [&] { return ::madvise(start, pages.size().value, MADV_POPULATE_WRITE); }) != 0) {
    refuse(pages, std::strerror(errno));
    return false;
  }
  if (closed_) {
    return false;
  }
  for_each_word(admitted_, pages, [](auto& word, std::uint64_t mask) {
    word.fetch_or(mask, std::memory_order_release);
  });
  return true;
}

void PageGuard::forget(PageRange pages) const noexcept {
  for_each_word(admitted_, pages, [](auto& word, std::uint64_t mask) {
    word.fetch_and(~mask, std::memory_order_relaxed);
  });
}

bool PageGuard::holds() const noexcept {
  if (closed_) {
    return false;
  }
  if (callbacks_.intact && !callbacks_.intact()) {
    refuse({}, "a mapped file has been truncated");
    return false;
  }
  return true;
}

bool PageGuard::admit(PageRange pages) const noexcept {
  if (!holds()) {
    return false;
  }
  const PageIndex end = pages.end();
  PageIndex first = find(pages, false);
  while (first < end) {
    const PageIndex next = find({first, end - first}, true);
    if (!populate({first, next - first})) {
      return false;
    }
    first = find({next, end - next}, false);
  }
  return true;
}

}  // namespace faasnap::memory
