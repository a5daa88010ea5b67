// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "report/charts/charts.h"
#include "report/charts/figures.h"
#include "report/charts/svg.h"

namespace faasnap::bench::report {
namespace {

constexpr double kLinesLeft = 58;
constexpr double kRight = 12;
constexpr double kTop = 8;
constexpr double kBottom = 190;
constexpr double kLinesWidth = kPictureWidth - kLinesLeft - kRight;
constexpr int kMarkers = 6;

// The axis is logarithmic if values differ by more than this factor.
constexpr double kWide = 10;

struct LineLayout {
  LineLayout(std::size_t place_count, const std::vector<Line>& lines, const Quantity& quantity)
      : places(place_count) {
    double most = 0;
    double least = std::numeric_limits<double>::max();
    for (const Line& line : lines) {
      for (const auto& point : line.points) {
        most = std::max(most, point.second);
        least = std::min(least, point.second);
      }
    }
    logarithmic = least > 0 && most >= 1 && most > kWide * least;
    steps = logarithmic ? log_ticks(least, most, quantity) : ticks(most, 5, quantity);
    end = logarithmic ? steps.back().first : most;
  }

  double x(std::size_t place) const {
    return places < 2 ? kLinesLeft + kLinesWidth / 2
                      : kLinesLeft + kLinesWidth * static_cast<double>(place) /
                                         static_cast<double>(places - 1);
  }
  double y(double value) const { return kBottom - (kBottom - kTop) * part(value); }
  // Returns the position on the axis, from 0 to 1.
  double part(double value) const {
    if (logarithmic) {
      const double begin = steps.front().first;
      return std::max(0.0, std::log(value / begin) / std::log(end / begin));
    }
    return end == 0 ? 0 : value / end;
  }

  std::size_t places;
  bool logarithmic = false;
  std::vector<std::pair<double, std::string>> steps;
  double end = 0;
};

// Lines differ by colour and by the markers of their points: a circle, a square, a diamond, a
// cross, and triangles up and down.
Html marker(double x, double y, std::size_t kind, const std::string& colour,
            const std::string& tip) {
  constexpr double kR = 4;
  const Html title = element("title", {}, tip);
  const auto path = [&](const char* from, const char* outline) {
    return svg_shape("path", {{"d", fmt::format("M{:.1f} {:.1f}{}{}", x, y, from, outline)}},
                     colour, title);
  };
  switch (kind % kMarkers) {
    case 0:
      return svg_shape("circle", {{"cx", x}, {"cy", y}, {"r", kR}}, colour, title);
    case 1:
      return svg_box(x - kR, y - kR, 2 * kR, 2 * kR, colour, tip);
    case 2:
      return path("m0 -5", "l5 5l-5 5l-5 -5z");
    case 3:
      return path("m0 -5", "l5 9h-10z");
    case 4:
      return path("m0 5", "l5 -9h-10z");
    default:
      return path("m-1 -5", "h2v4h4v2h-4v4h-2v-4h-4v-2h4z");
  }
}

Html draw(const Line& line, std::size_t kind, const LineLayout& layout,
          const std::vector<std::string>& places, const Quantity& quantity) {
  std::string path;
  for (const auto& [place, value] : line.points) {
    path +=
        fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", layout.x(place), layout.y(value));
  }
  Html drawn = svg_shape("path", {{"d", path}}, "line " + line.colour);
  for (const auto& [place, value] : line.points) {
    drawn += marker(layout.x(place), layout.y(value), kind, line.colour,
                    fmt::format("{}, {}: {}", line.label, places[place], quantity.format(value)));
  }
  return drawn;
}

Html draw_axes(const LineLayout& layout, const std::vector<std::string>& places,
               const std::string& x_label) {
  Html axes;
  for (const auto& [value, label] : layout.steps) {
    const double y = layout.y(value);
    axes += svg_line(kLinesLeft, y, kLinesLeft + kLinesWidth, y, "grid");
    axes += svg_text(kLinesLeft - 8, y + 4, label, Anchor::end, "tick");
  }
  const double room = kLinesWidth / static_cast<double>(std::max<std::size_t>(1, places.size()));
  for (std::size_t i = 0; i < places.size(); ++i) {
    axes += svg_text(layout.x(i), kBottom + kLine, fit(places[i], room), Anchor::middle, "tick");
  }
  axes +=
      svg_text(kLinesLeft + kLinesWidth / 2, kBottom + 2 * kLine, x_label, Anchor::middle, "tick");
  return axes;
}

// Draws the names below the picture, each beside its marker; as many in a line as fit.
Html draw_names(const std::vector<Line>& lines, double& y) {
  Html names;
  double x = 4;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const double width = 22 + static_cast<double>(lines[i].label.size()) * kLetter;
    if (x + width > kPictureWidth && x > 4) {
      x = 4;
      y += kLine + 3;
    }
    names += marker(x + 6, y - 4, i, lines[i].colour, lines[i].label);
    names += svg_text(x + 15, y, lines[i].label, Anchor::start, "tick");
    x += width;
  }
  return names;
}

}  // namespace

Picture line_chart(const std::string& title, const std::vector<std::string>& places,
                   const std::string& x_label, const std::vector<Line>& lines,
                   const Quantity& quantity) {
  const LineLayout layout(places.size(), lines, quantity);
  Html content = draw_axes(layout, places, x_label);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    content += draw(lines[i], i, layout, places, quantity);
  }
  double y = kBottom + 3.5 * kLine;
  content += draw_names(lines, y);
  return {title, y + 6, content};
}

}  // namespace faasnap::bench::report
