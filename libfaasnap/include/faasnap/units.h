// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace faasnap {

// Number of bytes in a guest page, and in a page of every file of a snapshot. x86-64 only.
inline constexpr std::uint64_t kPageSize = 4096;

using Nanoseconds = std::chrono::nanoseconds;

// The rule for every timeout of the library: a call waits at most that long and then throws
// ErrorKind::timeout, unless its contract says otherwise. With zero it does not wait; with kForever
// it waits without limit.
inline constexpr Nanoseconds kForever = Nanoseconds::max();

// A number of bytes.
struct Bytes {
  std::uint64_t value = 0;

  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes operator+(Bytes other) const { return {value + other.value}; }
  constexpr Bytes operator-(Bytes other) const { return {value - other.value}; }
  constexpr Bytes& operator+=(Bytes other) { return value += other.value, *this; }
  // Returns the number of pages that hold this many bytes; the last may be partly used.
  constexpr std::uint64_t pages() const { return value / kPageSize + (value % kPageSize != 0); }
};

inline namespace literals {
constexpr Bytes operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr Bytes operator""_MiB(unsigned long long n) { return {n << 20}; }
constexpr Bytes operator""_GiB(unsigned long long n) { return {n << 30}; }
}  // namespace literals

// The number of a page of guest memory, counted from the start of the memory image: guest memory
// without the hole below 4 GiB. Not a guest physical frame number.
struct PageIndex {
  std::uint64_t value = 0;

  constexpr auto operator<=>(const PageIndex&) const = default;
  constexpr PageIndex operator+(std::uint64_t pages) const { return {value + pages}; }
  constexpr std::uint64_t operator-(PageIndex other) const { return value - other.value; }
  constexpr Bytes offset() const { return {value * kPageSize}; }
};

// A run of `count` pages from `first`.
struct PageRange {
  PageIndex first;
  std::uint64_t count = 0;

  constexpr auto operator<=>(const PageRange&) const = default;
  constexpr PageIndex end() const { return first + count; }
  constexpr Bytes size() const { return {count * kPageSize}; }
};

}  // namespace faasnap
