// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include <faasnap/units.h>

namespace faasnap::cli {

// Limits of what sources may make `image make` read: bytes of files, unpacked, and names. What a
// later layer replaces counts too, so that an archive cannot unpack more than it may.
class Budget {
 public:
  explicit Budget(Bytes most) : most_(most) {}

  // Throw Failure that names --max-size, or the most names that an image may have.
  void take(std::uint64_t bytes);
  void take_name();

  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  Bytes most_;
  std::uint64_t bytes_ = 0;
  std::uint64_t names_ = 0;
};

}  // namespace faasnap::cli
