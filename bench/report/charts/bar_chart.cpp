// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "report/charts/charts.h"
#include "report/charts/figures.h"
#include "report/charts/svg.h"
#include "report/measurements/settings.h"

namespace faasnap::bench::report {
namespace {

constexpr double kBarRow = 21;
constexpr double kBarGap = 6;
constexpr double kMostLabel = 150;

double letters(const std::string& text) { return static_cast<double>(text.size()) * kLetter; }

struct BarLayout {
  double bars_begin = 0;
  double bars_width = 0;
  double longest = 0;

  explicit BarLayout(const std::vector<Bar>& bars) {
    double labels = 0;
    double notes = 0;
    for (const Bar& bar : bars) {
      labels = std::max(labels, letters(bar.label));
      notes = std::max(notes, letters(bar.note));
      longest = std::max(longest, std::accumulate(bar.parts.begin(), bar.parts.end(), 0.0));
    }
    bars_begin = std::min(labels, kMostLabel) + kBarGap;
    bars_width = kPictureWidth - bars_begin - notes - 2 * kBarGap;
  }
  double length(double value) const { return longest == 0 ? 0 : value / longest * bars_width; }
};

Html draw(const Bar& bar, const BarLayout& layout, double y) {
  Html row = svg_text(layout.bars_begin - kBarGap, y + kBarRow - 7,
                      fit(bar.label, layout.bars_begin - kBarGap), Anchor::end);
  double x = layout.bars_begin;
  for (std::size_t i = 0; i < bar.parts.size(); ++i) {
    const double width = layout.length(bar.parts[i]);
    const std::size_t shade = bar.first_is_solid ? i : bar.parts.size() - 1 - i;
    row += svg_box(x, y + 3, width, kBarRow - 6, fmt::format("{} shade{}", bar.colour, shade),
                   bar.tip);
    x += width;
  }
  row += svg_text(x + kBarGap, y + kBarRow - 7, bar.note, Anchor::start, "note");
  return row;
}

Html draw_axis(const BarLayout& layout, const Quantity& quantity, double bottom) {
  Html axis;
  for (const auto& [value, label] : ticks(layout.longest, 3, quantity)) {
    const double x = layout.bars_begin + layout.length(value);
    axis += svg_line(x, 0, x, bottom, "grid");
    axis += svg_text(x, bottom + kLine, label, Anchor::middle, "tick");
  }
  return axis;
}

}  // namespace

std::string colour_class(const std::string& setting_label) {
  return fmt::format("s-{}", kSettings[rank_of_setting(setting_label)].name);
}

Picture bar_chart(const std::string& title, const std::vector<Bar>& bars,
                  const Quantity& quantity) {
  const BarLayout layout(bars);
  const double bottom = static_cast<double>(bars.size()) * kBarRow;
  Html content = draw_axis(layout, quantity, bottom);
  double y = 0;
  for (const Bar& bar : bars) {
    content += draw(bar, layout, y);
    y += kBarRow;
  }
  return {title, bottom + kLine + 4, content};
}

}  // namespace faasnap::bench::report
