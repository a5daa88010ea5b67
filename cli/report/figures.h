#pragma once

#include <string>
#include <utility>
#include <vector>

namespace faasnap::cli::report {

// Figures as people read them, three digits where it matters.
std::string format_time(double nanoseconds);
std::string format_size(double bytes);
std::string format_count(double count);
// "x1.23"
std::string format_ratio(double ratio);

// What an axis counts: how its values are told, and in which unit its steps are round.
struct Quantity {
  std::string (*format)(double);
  double unit;
};
inline constexpr Quantity kTime{format_time, 1e6};
inline constexpr Quantity kSize{format_size, 1 << 20};
inline constexpr Quantity kCount{format_count, 1};
inline constexpr Quantity kRatio{format_ratio, 1};

// The values of an axis from 0 to `most`, at most `parts` + 1, each step 1, 2 or 5 times a power of
// ten units; and how each is told.
std::vector<std::pair<double, std::string>> ticks(double most, int parts, const Quantity& quantity);

}  // namespace faasnap::cli::report
