// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "report/charts/svg.h"

namespace faasnap::bench::report {

// A file of pictures that stands alone: an SVG document with its own style, light or dark as the
// reader prefers, and two pictures side by side.
struct Sheet {
  std::string title{};
  std::string explanation{};
  Pictures pictures{};
  // The conditions of the measurement, for the reader.
  std::string conditions{};
};

std::string draw(const Sheet& sheet);

}  // namespace faasnap::bench::report
