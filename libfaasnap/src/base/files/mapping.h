// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <faasnap/units.h>

#include "base/files/fd.h"

namespace faasnap::base {

// Whether memory is part of core dumps and of processes that fork from this one.
enum class Exposure { hidden, exposed };

// Leaves memory out of core dumps, and out of processes that fork from this one: a child that
// touches it there gets SIGSEGV. Mapping over it ends that.
void hide(std::span<std::byte> memory);

// Owns a range of address space from mmap and unmaps it, even if other things were mapped over it
// with MAP_FIXED. Movable.
class Mapping {
 public:
  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  // Maps private anonymous memory, zero, not counted against the commit limit. It is hidden, since
  // most of it holds what is a guest's.
  static Mapping anonymous(Bytes size, Exposure exposure = Exposure::hidden);
  // Maps anonymous memory, zero, that a child process shares with its parent.
  static Mapping shared(Bytes size);
  // Maps `size` bytes of the file from `offset` (a multiple of the page size); `protection` and
  // `flags` as for mmap(2).
  static Mapping file(const UniqueFd& fd, std::uint64_t offset, Bytes size, int protection,
                      int flags);

  std::byte* data() const noexcept { return data_; }
  Bytes size() const noexcept { return size_; }
  std::span<std::byte> bytes() const noexcept { return {data_, size_.value}; }
  explicit operator bool() const noexcept { return data_ != nullptr; }

 private:
  Mapping(std::byte* data, Bytes size) noexcept : data_(data), size_(size) {}
  void reset() noexcept;

  std::byte* data_ = nullptr;
  Bytes size_;
};

}  // namespace faasnap::base
