// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/charts/charts.h"
#include "report/charts/figures.h"
#include "report/charts/svg.h"

namespace faasnap::bench::report {
namespace {

constexpr double kStripsLeft = 118;
constexpr double kStripGap = 6;
constexpr double kStripsWidth = kPictureWidth - kStripsLeft - 18;
constexpr double kStrip = 42;
constexpr double kHighest = 36;
constexpr double kShortest = 1e2;
constexpr double kLongest = 1e8;

double x_of(double nanoseconds) {
  const double inside = std::clamp(nanoseconds, kShortest, kLongest);
  return kStripsLeft + kStripsWidth * std::log(inside / kShortest) / std::log(kLongest / kShortest);
}

std::string describe(double nanoseconds) {
  if (nanoseconds >= 1e6) {
    return fmt::format("{:.4g} ms", nanoseconds / 1e6);
  }
  return nanoseconds >= 1e3 ? fmt::format("{:.4g} \u00b5s", nanoseconds / 1e3)
                            : fmt::format("{:.4g} ns", nanoseconds);
}

double total(const FaultStrip& strip) {
  return std::accumulate(strip.buckets.begin(), strip.buckets.end(), 0.0,
                         [](double sum, const FaultBucket& bucket) { return sum + bucket.count; });
}

Html draw(const FaultStrip& strip, double bottom, double most) {
  Html drawn = svg_text(kStripsLeft - kStripGap, bottom - 18,
                        fit(strip.label, kStripsLeft - kStripGap), Anchor::end);
  drawn += svg_text(kStripsLeft - kStripGap, bottom - 4, format_count(total(strip)), Anchor::end,
                    "tick");
  drawn += svg_line(kStripsLeft, bottom, kStripsLeft + kStripsWidth, bottom, "grid");
  for (const FaultBucket& bucket : strip.buckets) {
    const double begin = x_of(bucket.from);
    const double width = std::max(1.0, x_of(bucket.to) - begin - 1);
    // Keeps buckets with few faults visible.
    const double height = bucket.count > 0 ? std::max(1.0, kHighest * bucket.count / most) : 0;
    drawn += svg_box(begin, bottom - height, width, height, strip.colour + " shade0",
                     fmt::format("{}: {} to {}: {:.0f} faults", strip.label, describe(bucket.from),
                                 describe(bucket.to), bucket.count));
  }
  return drawn;
}

Html draw_axis(double bottom) {
  Html axis;
  for (const auto& [time, label] : {std::pair{1e2, "100 ns"},
                                    {1e3, ""},
                                    {1e4, "10 \u00b5s"},
                                    {1e5, ""},
                                    {1e6, "1 ms"},
                                    {1e7, ""},
                                    {1e8, "100 ms"}}) {
    axis += svg_line(x_of(time), 0, x_of(time), bottom, "grid");
    axis += svg_text(x_of(time), bottom + kLine, label, Anchor::middle, "tick");
  }
  return axis;
}

}  // namespace

Picture histograms(const std::string& title, const std::vector<FaultStrip>& strips) {
  double most = 0;
  for (const FaultStrip& strip : strips) {
    for (const FaultBucket& bucket : strip.buckets) {
      most = std::max(most, bucket.count);
    }
  }
  const double bottom = static_cast<double>(strips.size()) * kStrip;
  Html content = draw_axis(bottom);
  double y = 0;
  for (const FaultStrip& strip : strips) {
    y += kStrip;
    content += draw(strip, y, most);
  }
  return {title, bottom + kLine + 4, content};
}

}  // namespace faasnap::bench::report
