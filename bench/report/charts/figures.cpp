// SPDX-License-Identifier: Apache-2.0

#include "report/charts/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace faasnap::bench::report {
namespace {

std::string three_digits(double value) {
  const int decimals = value == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}", value, decimals);
}

// Returns a round number (1, 2 or 5 times a power of ten) that divides `range` into at most
// `parts`.
double round_step(double range, int parts) {
  const double least = range / parts;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-9)) {
      return factor * power;
    }
  }
  return 10 * power;
}

const Scale& scale_of(double most, const Quantity& quantity) {
  return most >= quantity.large_from ? quantity.large : quantity.small;
}

std::pair<double, std::string> tick(double value, const Scale& scale) {
  return {value * scale.unit, fmt::format("{}{:g}{}", scale.before, value, scale.after)};
}

}  // namespace

std::string format_time(double nanoseconds) {
  if (nanoseconds >= 10e9) {
    return three_digits(nanoseconds / 1e9) + " s";
  }
  return three_digits(nanoseconds / 1e6) + " ms";
}

std::string format_size(double bytes) {
  const double mebibytes = bytes / (1 << 20);
  return mebibytes >= 1024 ? three_digits(mebibytes / 1024) + " GiB"
                           : three_digits(mebibytes) + " MiB";
}

std::string format_count(double count) {
  if (count >= 1e6) {
    return three_digits(count / 1e6) + "M";
  }
  return count >= 1e4 ? three_digits(count / 1e3) + "k" : fmt::format("{:.0f}", count);
}

std::string format_ratio(double ratio) { return fmt::format("\u00d7{}", three_digits(ratio)); }

std::vector<std::pair<double, std::string>> ticks(double most, int parts,
                                                  const Quantity& quantity) {
  // A shorter axis has no steps.
  constexpr double kLeast = 1e-9;
  const Scale& scale = scale_of(most, quantity);
  const double range = most / scale.unit;
  std::vector<std::pair<double, std::string>> result{{0, "0"}};
  if (range > kLeast) {
    const double step = round_step(range, parts);
    for (int i = 1; i * step <= range * (1 + 1e-9); ++i) {
      result.push_back(tick(i * step, scale));
    }
  }
  return result;
}

std::vector<std::pair<double, std::string>> log_ticks(double least, double most,
                                                      const Quantity& quantity) {
  constexpr double kNearly = 1 + 1e-9;
  const Scale& scale = scale_of(most, quantity);
  constexpr double kWidest = 1e12;
  const double last = most / scale.unit;
  const double first = std::max(least / scale.unit, last / kWidest);
  std::vector<double> steps{1, 2, 5};
  if (last / first > 100) {
    steps = {1};
  }
  std::vector<std::pair<double, std::string>> result;
  for (int power = static_cast<int>(std::floor(std::log10(first)));; ++power) {
    for (const double step : steps) {
      const double value = step * std::pow(10, power);
      if (value <= first * kNearly) {
        result.clear();
      }
      result.push_back(tick(value, scale));
      if (value * kNearly >= last && result.size() > 1) {
        return result;
      }
    }
  }
}

}  // namespace faasnap::bench::report
