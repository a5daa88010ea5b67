#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/charts.h"
#include "report/figures.h"
#include "report/svg.h"

namespace faasnap::cli::report {
namespace {

constexpr double kLeft = 40;
constexpr double kWidth = kPictureWidth - kLeft - 10;
constexpr double kTop = 6;
constexpr double kBottom = 110;
constexpr double kLeast = 1e2;
constexpr double kMost = 1e8;

double x_of(double nanoseconds) {
  const double inside = std::clamp(nanoseconds, kLeast, kMost);
  return kLeft + kWidth * std::log(inside / kLeast) / std::log(kMost / kLeast);
}

std::string describe(double nanoseconds) {
  if (nanoseconds >= 1e6) {
    return fmt::format("{:.4g} ms", nanoseconds / 1e6);
  }
  return nanoseconds >= 1e3 ? fmt::format("{:.4g} \u00b5s", nanoseconds / 1e3)
                            : fmt::format("{:.4g} ns", nanoseconds);
}

}  // namespace

Picture histogram(const std::string& title, const std::string& colour,
                  const std::vector<FaultBucket>& buckets, double most) {
  Html content;
  const auto y_of = [&](double count) {
    return kBottom - (kBottom - kTop) * count / std::max(most, 1.0);
  };
  for (const auto& [count, label] : ticks(most, 4, kCount)) {
    content += svg_line(kLeft, y_of(count), kLeft + kWidth, y_of(count), "grid");
    content += svg_text(kLeft - 4, y_of(count) + 4, label, Anchor::end, "tick");
  }
  for (const auto& [time, label] :
       {std::pair{1e2, "100 ns"}, {1e4, "10 \u00b5s"}, {1e6, "1 ms"}, {1e8, "100 ms"}}) {
    content += svg_text(x_of(time), kBottom + kLine, label,
                        time == kMost    ? Anchor::end
                        : time == kLeast ? Anchor::start
                                         : Anchor::middle,
                        "tick");
  }
  for (const FaultBucket& bucket : buckets) {
    const double begin = x_of(bucket.from);
    const double width = std::max(1.0, x_of(bucket.to) - begin - 1);
    content +=
        svg_box(begin, y_of(bucket.count), width, kBottom - y_of(bucket.count), colour + " shade0",
                fmt::format("{} to {}: {:.0f} faults", describe(bucket.from), describe(bucket.to),
                            bucket.count));
  }
  return {title, kBottom + kLine + 4, content};
}

}  // namespace faasnap::cli::report
