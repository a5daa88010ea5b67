#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include <faasnap/units.h>

namespace faasnap {

// The longest key and the largest value of an object, as in Redis.
inline constexpr std::size_t kMaximumObjectKey = 512;
inline constexpr Bytes kMaximumObjectValue{512ULL << 20};

// The pieces of a value in order, none when it is empty; `total` is the length of the whole. What
// it throws ends the transfer.
using ValueSink = std::function<void(std::span<const std::byte> piece, Bytes total)>;

struct ObjectInfo {
  std::string key;
  Bytes size;
};

}  // namespace faasnap
