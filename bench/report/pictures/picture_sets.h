#pragma once

#include <string>
#include <vector>

#include "report/charts/svg.h"
#include "report/measurements/experiment.h"

namespace faasnap::bench::report {

// Pictures that belong together, such as those of all functions.
struct PictureSet {
  // Tells it from the others of its experiment; empty for what the experiment is about.
  std::string name;
  // For people; empty where the experiment's title says enough.
  std::string title;
  std::string explanation;
  Pictures pictures;
  // True if readers see it at once; else they have to ask for it.
  bool shown = true;
};

// All that there is to draw of an experiment, in the order in which it is read.
std::vector<PictureSet> picture_sets(const Experiment& experiment, const std::string& baseline);

}  // namespace faasnap::bench::report
