// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/charts/figures.h"
#include "report/charts/svg.h"
#include "report/measurements/measurement.h"

namespace faasnap::bench::report {

// Pictures, each small enough for a telephone; a page sets several side by side. Colours are
// classes of the style sheet (style.h).

// Returns the class of a setting's colour, the same for a prepared one.
std::string colour_class(const std::string& setting_label);

// A horizontal bar, stacked of one or more parts.
struct Bar {
  std::string label{};
  std::string colour{};
  // Lengths. Parts become more solid from first to last, or from last to first if the first is
  // solid.
  std::vector<double> parts{};
  // Text at its end.
  std::string note{};
  // Text under a pointer.
  std::string tip{};
  bool first_is_solid = false;
};

Picture bar_chart(const std::string& title, const std::vector<Bar>& bars, const Quantity& quantity);

// A line through points, whose x values are places on the axis, counted from 0.
struct Line {
  std::string label;
  std::string colour;
  std::vector<std::pair<std::size_t, double>> points;
};

// `places` has the labels of the x axis, evenly spaced.
Picture line_chart(const std::string& title, const std::vector<std::string>& places,
                   const std::string& x_label, const std::vector<Line>& lines,
                   const Quantity& quantity);

// Counts of faults by their duration.
struct FaultStrip {
  std::string label;
  std::string colour;
  std::vector<FaultBucket> buckets;
};

// Draws one histogram below the other, all of one height, from 100 ns to 100 ms on a logarithmic
// axis.
Picture histograms(const std::string& title, const std::vector<FaultStrip>& strips);

// Draws the spans of one invocation, one row each. The axis ends at `end` nanoseconds.
Picture timeline(const std::string& title, const std::string& colour,
                 const std::vector<SpanOfTime>& spans, double end);

}  // namespace faasnap::bench::report
