#include "common/bar_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

namespace faasnap::bench {
namespace {

constexpr double kLabels = 150;  // width of the column with the bars' names
constexpr double kBars = 520;
constexpr double kNotes = 130;
constexpr double kRow = 18;
constexpr double kGap = 14;

std::string escape(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

// From a value to a place on the page.
struct Scale {
  double least = 0.5;
  double most = 2;

  double at(double value) const {
    return kLabels +
           kBars * std::log(std::clamp(value, least, most) / least) / std::log(most / least);
  }
};

Scale scale_of(const std::vector<BarChart::Group>& groups) {
  Scale scale;
  for (const auto& group : groups) {
    for (const auto& bar : group.bars) {
      scale.least = std::min(scale.least, bar.value / 1.2);
      scale.most = std::max(scale.most, bar.value * 1.2);
    }
  }
  return scale;
}

// One colour for a group's first word, the same in each group.
const char* colour_of(const std::string& label) {
  constexpr std::pair<const char*, const char*> kColours[] = {
      {"lazy", "#999999"},       {"cached", "#e69f00"},     {"reap", "#cc79a7"},
      {"concurrent", "#56b4e9"}, {"per-region", "#0072b2"}, {"faasnap", "#009e73"},
      {"stream", "#d55e00"}};
  for (const auto& [name, colour] : kColours) {
    if (label.starts_with(name)) {
      return colour;
    }
  }
  return "#888888";
}

}  // namespace

BarChart::BarChart(std::string title) : title_(std::move(title)) {}

void BarChart::add(Group group) { groups_.push_back(std::move(group)); }

std::string BarChart::svg() const {
  const Scale scale = scale_of(groups_);
  std::string body;
  const auto out = std::back_inserter(body);
  double y = 2 * kRow;
  const double top = y;
  for (const Group& group : groups_) {
    y += kGap + kRow;
    fmt::format_to(out, "<text class='title' x='0' y='{}'>{}</text>\n", y - 5, escape(group.title));
    for (const Bar& bar : group.bars) {
      const double end = scale.at(bar.value);
      fmt::format_to(out,
                     "<text x='{}' y='{}' text-anchor='end'>{}</text>"
                     "<rect x='{}' y='{}' width='{:.1f}' height='{}' fill='{}'/>"
                     "<text x='{:.1f}' y='{}'>{}</text>\n",
                     kLabels - 6, y + kRow - 5, escape(bar.label), kLabels, y + 3, end - kLabels,
                     kRow - 5, colour_of(bar.label), end + 5, y + kRow - 5, escape(bar.note));
      y += kRow;
    }
  }
  const double one = scale.at(1);
  return fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1}' viewBox='0 0 {0} {1}'>\n"
      "<style>text{{font:12px sans-serif;fill:#333}}.title{{font-weight:bold}}"
      "line{{stroke:#333;stroke-dasharray:4 3}}"
      "@media(prefers-color-scheme:dark){{text{{fill:#ddd}}line{{stroke:#ddd}}}}</style>\n"
      "<text class='title' x='0' y='{2}'>{3} (logarithmic)</text>\n{4}"
      "<line x1='{5:.1f}' x2='{5:.1f}' y1='{6}' y2='{7}'/>\n</svg>\n",
      kLabels + kBars + kNotes, y + kGap, kRow, escape(title_), body, one, top, y);
}

void BarChart::write(const std::filesystem::path& file) const {
  std::ofstream stream;
  stream.exceptions(std::ios::failbit | std::ios::badbit);
  stream.open(file);
  stream << svg();
}

}  // namespace faasnap::bench
