// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include <faasnap/units.h>

namespace faasnap {

// A run of guest pages with data, and the layer of the snapshot whose memory file has them: 0 for
// the snapshot itself, n for its nth base.
struct ImageRun {
  PageRange guest{};
  std::uint32_t layer = 0;

  bool operator==(const ImageRun&) const = default;
};

}  // namespace faasnap
