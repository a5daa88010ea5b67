// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>

#include <faasnap/units.h>

#include "base/files/mapping.h"
#include "memory/guest_address.h"
#include "memory/page_guard.h"

namespace faasnap::memory {

// The hole for devices: guest memory beyond kHoleStart bytes continues at kHoleEnd.
inline constexpr GuestAddress kHoleStart{3ULL << 30};
inline constexpr GuestAddress kHoleEnd{4ULL << 30};

inline constexpr Bytes kMinimumSize{128ULL << 20};
inline constexpr Bytes kMaximumSize{16ULL << 30};

// A contiguous part of guest physical memory and its place in the memory image.
struct Region {
  GuestAddress base;
  Bytes size;
  Bytes image_offset;
};

// The guest's memory: one range of host address space, `size` bytes long, whose page i is page i of
// the memory image. It starts anonymous and zero; restore maps files over parts of it.
//
// The guest writes to it at any time, so two reads of one value may differ: read once, check, then
// use. Safe to share between threads.
class GuestMemory {
 public:
  // Throws ErrorKind::invalid_argument unless `size` is a multiple of the page size from
  // kMinimumSize to kMaximumSize.
  explicit GuestMemory(Bytes size, base::Exposure exposure = base::Exposure::hidden);

  Bytes size() const noexcept { return mapping_.size(); }
  std::span<const Region> regions() const noexcept { return {regions_.data(), region_count_}; }
  // Returns all of it, in the order of the image.
  std::span<std::byte> host() const noexcept { return mapping_.bytes(); }

  // Tells the memory that files were mapped over `pages`. Must be called before the guest runs.
  void hide_mapped(PageRange pages) const;

  // Makes view, read and write bring pages in before the host touches them, and fail for pages that
  // are unavailable. For memory that a restore maps; must be called before any other thread uses
  // it. Throws as PageGuard does.
  void guard(PageGuard::Callbacks callbacks);
  // Closes the guard (PageGuard::close), if there is one.
  void close_guard() noexcept;
  void forget(PageRange pages) const noexcept;
  // Reports unavailable pages to the guard (PageGuard::refuse), if there is one.
  void refuse(PageRange pages, const char* reason) const noexcept;

  // True if views that were returned may still be used; see PageGuard.
  bool holds() const noexcept { return !guard_ || guard_->holds(); }

  // Returns where the `length` bytes at `address` lie, or nothing unless all of them lie in one
  // region. Takes the same time for any length. Touching the place needs admit, or a view instead.
  // Together with view it is the only converter from guest addresses to host pointers.
  std::optional<std::span<std::byte>> place(GuestAddress address,
                                            std::uint64_t length) const noexcept;
  // Makes `place`, which place() has returned, available. Returns false if it must not be touched.
  bool admit(std::span<const std::byte> place) const noexcept;
  // Returns a host view of the `length` bytes at `address`, or nothing unless they have a place and
  // are available.
  std::optional<std::span<std::byte>> view(GuestAddress address,
                                           std::uint64_t length) const noexcept;

  // Copy between the guest and the host. Return false, and copy nothing, if the range has no view.
  bool read(GuestAddress address, std::span<std::byte> out) const noexcept;
  bool write(GuestAddress address, std::span<const std::byte> data) const noexcept;

  template <typename Value>
  requires std::is_trivially_copyable_v<Value> std::optional<Value> read_value(GuestAddress address)
  const noexcept {
    Value value;
    if (!read(address, std::as_writable_bytes(std::span(&value, 1)))) {
      return std::nullopt;
    }
    return value;
  }
  template <typename Value>
  requires std::is_trivially_copyable_v<Value>
  bool write_value(GuestAddress address, const Value& value) const noexcept {
    return write(address, std::as_bytes(std::span(&value, 1)));
  }

 private:
  base::Exposure exposure_;
  base::Mapping mapping_;
  std::array<Region, 2> regions_;
  std::size_t region_count_ = 0;
  std::unique_ptr<PageGuard> guard_;
};

}  // namespace faasnap::memory
