// SPDX-License-Identifier: Apache-2.0

#include "memory/page_guard.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace faasnap::memory {
namespace {

constexpr std::uint64_t kBits = 64;

std::uint64_t bit_of(std::uint64_t page) { return std::uint64_t{1} << (page % kBits); }

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

bool PageGuard::refuse(PageRange pages, const char* reason) const noexcept {
  if (!closed_) {
    callbacks_.refused(pages, reason);
  }
  return false;
}

bool PageGuard::is_admitted(std::uint64_t page) const noexcept {
  return (admitted_[page / kBits].load(std::memory_order_acquire) & bit_of(page)) != 0;
}

bool PageGuard::populate(PageRange pages) const noexcept {
  std::byte* const start = host_.data() + pages.first.offset().value;
  if (base::retry_eintr(
          [&] { return ::madvise(start, pages.size().value, MADV_POPULATE_WRITE); }) != 0) {
    return refuse(pages, std::strerror(errno));
  }
  if (closed_) {
    return false;
  }
  for (PageIndex page = pages.first; page < pages.end(); page = page + 1) {
    admitted_[page.value / kBits].fetch_or(bit_of(page.value), std::memory_order_release);
  }
  return true;
}

void PageGuard::forget(PageRange pages) const noexcept {
  for (PageIndex page = pages.first; page < pages.end(); page = page + 1) {
    admitted_[page.value / kBits].fetch_and(~bit_of(page.value), std::memory_order_relaxed);
  }
}

bool PageGuard::holds() const noexcept {
  if (closed_) {
    return false;
  }
  return !callbacks_.intact || callbacks_.intact() ||
         refuse({}, "a mapped file has been truncated");
}

bool PageGuard::admit(PageRange pages) const noexcept {
  if (!holds()) {
    return false;
  }
  for (PageIndex page = pages.first; page < pages.end();) {
    if (is_admitted(page.value)) {
      page = page + 1;
      continue;
    }
    const PageIndex first = page;
    do {
      page = page + 1;
    } while (page < pages.end() && !is_admitted(page.value));
    if (!populate({first, page - first})) {
      return false;
    }
  }
  return true;
}

}  // namespace faasnap::memory
