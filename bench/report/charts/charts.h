#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/charts/figures.h"
#include "report/charts/svg.h"
#include "report/measurements/measurement.h"

namespace faasnap::bench::report {

// Pictures, each small enough to be read on a telephone; a page sets several side by side. Colours
// are classes of the style sheet (style.h).

// The class that gives the colour of a setting; the same for a prepared one.
std::string colour_class(const std::string& setting_label);

// A horizontal bar, stacked of one or more parts.
struct Bar {
  std::string label{};
  std::string colour{};
  // Lengths; each part is less solid than the one after it, or before it where the first is solid.
  std::vector<double> parts{};
  // What stands at its end.
  std::string note{};
  // What a pointer sees.
  std::string tip{};
  bool first_is_solid = false;
};

Picture bar_chart(const std::string& title, const std::vector<Bar>& bars, const Quantity& quantity);

// A line through points, whose x are places on the axis, counted from 0.
struct Line {
  std::string label;
  std::string colour;
  std::vector<std::pair<std::size_t, double>> points;
};

// `places`: the labels of the x axis, evenly spaced.
Picture line_chart(const std::string& title, const std::vector<std::string>& places,
                   const std::string& x_label, const std::vector<Line>& lines,
                   const Quantity& quantity);

// Counts of faults by the time that each took.
struct FaultStrip {
  std::string label;
  std::string colour;
  std::vector<FaultBucket> buckets;
};

// One histogram below the other, of one height, from 100 ns to 100 ms on a logarithmic axis.
Picture histograms(const std::string& title, const std::vector<FaultStrip>& strips);

// The spans of one invocation, one row each; the axis ends at `end` nanoseconds.
Picture timeline(const std::string& title, const std::string& colour,
                 const std::vector<SpanOfTime>& spans, double end);

}  // namespace faasnap::bench::report
