// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace faasnap::bench {

// Mixes all bits of a number into each other (the finalizer of SplitMix64, public domain).
constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// SplitMix64: yields the same numbers for the same seed on every machine, which <random>'s
// distributions do not promise.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15); }
  // Returns a number below `limit`, which is not 0. Slightly uneven for limits near 2^64, which do
  // not occur here.
  constexpr std::uint64_t below(std::uint64_t limit) { return next() % limit; }

  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[below(i)]);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace faasnap::bench
