// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>

#include "report/charts/charts.h"
#include "report/charts/figures.h"
#include "report/charts/svg.h"

namespace faasnap::bench::report {
namespace {

constexpr double kRowsLeft = 122;
constexpr double kRowsWidth = kPictureWidth - kRowsLeft - 10;
constexpr double kRowHeight = 17;

// Spans of one name share a row.
struct Row {
  std::string name;
  std::vector<const SpanOfTime*> spans;
};

std::vector<Row> make_rows(const std::vector<SpanOfTime>& spans) {
  std::vector<const SpanOfTime*> sorted;
  for (const SpanOfTime& span : spans) {
    sorted.push_back(&span);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const SpanOfTime* a, const SpanOfTime* b) { return a->start < b->start; });
  std::vector<Row> rows;
  for (const SpanOfTime* span : sorted) {
    auto row =
        std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.name == span->name; });
    if (row == rows.end()) {
      row = rows.insert(rows.end(), Row{span->name, {}});
    }
    row->spans.push_back(span);
  }
  return rows;
}

std::string describe(const SpanOfTime& span) {
  std::string text = fmt::format("{}: at {:.3f} ms", span.name, span.start / 1e6);
  if (span.duration > 0) {
    text += fmt::format(", {:.3f} ms", span.duration / 1e6);
  }
  for (const auto& [key, value] : span.tags) {
    text += fmt::format(", {} {}", key, value);
  }
  return text;
}

Html draw(const SpanOfTime& span, const std::string& colour, double y, double end) {
  const auto x_of = [&](double time) {
    return kRowsLeft + kRowsWidth * std::clamp(time / end, 0.0, 1.0);
  };
  if (span.start + span.duration < 0) {
    return svg_text(kRowsLeft + 2, y + kRowHeight - 5,
                    fmt::format("{}, before the request", format_time(span.duration)),
                    Anchor::start, "tick");
  }
  if (span.start > end) {
    return {};
  }
  const double begin = x_of(span.start);
  if (span.duration == 0) {
    return svg_shape("path", {{"d", fmt::format("M{:.1f} {:.1f}l4 5l-4 5l-4 -5z", begin, y + 3)}},
                     colour, element("title", {}, describe(span)));
  }
  const double width = std::max(1.0, x_of(span.start + span.duration) - begin);
  return svg_box(begin, y + 3, width, kRowHeight - 6, colour + " span", describe(span));
}

}  // namespace

Picture timeline(const std::string& title, const std::string& colour,
                 const std::vector<SpanOfTime>& spans, double end) {
  const auto rows = make_rows(spans);
  const double bottom = static_cast<double>(rows.size()) * kRowHeight;
  Html content;
  const double last = std::max(end, 1.0);
  for (const auto& [time, label] : ticks(last, 4, kTime)) {
    const double x = kRowsLeft + kRowsWidth * time / last;
    content += svg_line(x, 0, x, bottom, "grid");
    content += svg_text(x, bottom + kLine, label, Anchor::middle, "tick");
  }
  double y = 0;
  for (const Row& row : rows) {
    content +=
        svg_text(kRowsLeft - 6, y + kRowHeight - 5, fit(row.name, kRowsLeft - 6), Anchor::end);
    for (const SpanOfTime* span : row.spans) {
      content += draw(*span, colour, y, last);
    }
    y += kRowHeight;
  }
  return {title, bottom + kLine + 4, content};
}

}  // namespace faasnap::bench::report
