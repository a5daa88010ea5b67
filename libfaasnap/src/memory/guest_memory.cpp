// SPDX-License-Identifier: Apache-2.0

#include "memory/guest_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace faasnap::memory {
namespace {

Bytes checked_size(Bytes size) {
  if (size < kMinimumSize || size > kMaximumSize || size.value % kPageSize != 0) {
    base::fail(
        ErrorKind::invalid_argument, "create guest memory", {},
        fmt::format("size is {} bytes, expected a multiple of {} from {} to {} MiB", size.value,
                    kPageSize, kMinimumSize.value >> 20, kMaximumSize.value >> 20));
  }
  return size;
}

// Returns the pages that hold the `length` bytes from `offset` on.
PageRange pages_of(std::uint64_t offset, std::uint64_t length) {
  const PageIndex first{offset / kPageSize};
  return {first, length == 0 ? 0 : Bytes{offset % kPageSize + length}.pages()};
}

}  // namespace

GuestMemory::GuestMemory(Bytes size, base::Exposure exposure)
    : exposure_(exposure), mapping_(base::Mapping::anonymous(checked_size(size), exposure)) {
  const Bytes low{std::min(size.value, kHoleStart.value)};
  regions_[region_count_++] = {GuestAddress{0}, low, Bytes{0}};
  if (size > low) {
    regions_[region_count_++] = {kHoleEnd, size - low, low};
  }
}

void GuestMemory::hide_mapped(PageRange pages) const {
  if (exposure_ == base::Exposure::hidden) {
    base::hide(host().subspan(pages.first.offset().value, pages.size().value));
  }
}

void GuestMemory::guard(PageGuard::Callbacks callbacks) {
  guard_ = std::make_unique<PageGuard>(host(), std::move(callbacks));
}

void GuestMemory::close_guard() noexcept {
  if (guard_) {
    guard_->close();
  }
}

void GuestMemory::forget(PageRange pages) const noexcept {
  if (guard_) {
    guard_->forget(pages);
  }
}

void GuestMemory::refuse(PageRange pages, const char* reason) const noexcept {
  if (guard_) {
    guard_->refuse(pages, reason);
  }
}

std::optional<std::span<std::byte>> GuestMemory::place(GuestAddress address,
                                                       std::uint64_t length) const noexcept {
  for (const Region& region : regions()) {
    if (address < region.base) {
      continue;
    }
    const std::uint64_t offset = address.value - region.base.value;
    if (offset < region.size.value && length <= region.size.value - offset) {
      return mapping_.bytes().subspan(region.image_offset.value + offset, length);
    }
  }
  return std::nullopt;
}

bool GuestMemory::admit(std::span<const std::byte> place) const noexcept {
  const auto start = static_cast<std::uint64_t>(place.data() - host().data());
  return !guard_ || guard_->admit(pages_of(start, place.size()));
}

std::optional<std::span<std::byte>> GuestMemory::view(GuestAddress address,
                                                      std::uint64_t length) const noexcept {
  const auto bytes = place(address, length);
  return bytes && admit(*bytes) ? bytes : std::nullopt;
}

bool GuestMemory::read(GuestAddress address, std::span<std::byte> out) const noexcept {
  const auto source = view(address, out.size());
  if (source && !out.empty()) {
    std::memcpy(out.data(), source->data(), out.size());
  }
  return source.has_value();
}

bool GuestMemory::write(GuestAddress address, std::span<const std::byte> data) const noexcept {
  const auto target = view(address, data.size());
  if (target && !data.empty()) {
    std::memcpy(target->data(), data.data(), data.size());
  }
  return target.has_value();
}

}  // namespace faasnap::memory
