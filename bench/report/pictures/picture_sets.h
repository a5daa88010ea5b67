// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <vector>

#include "report/charts/svg.h"
#include "report/measurements/experiment.h"

namespace faasnap::bench::report {

// Pictures that belong together, such as those of all functions.
struct PictureSet {
  // Identifies it in its experiment; empty for the main subject.
  std::string name;
  // The title for people; empty if the experiment's title is enough.
  std::string title;
  std::string explanation;
  Pictures pictures;
  // True if it is visible at once; otherwise it is folded.
  bool shown = true;
};

// Returns all pictures of an experiment, in the order of reading.
std::vector<PictureSet> picture_sets(const Experiment& experiment, const std::string& baseline);

}  // namespace faasnap::bench::report
