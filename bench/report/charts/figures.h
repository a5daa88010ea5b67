// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <utility>
#include <vector>

namespace faasnap::bench::report {

// Format figures for people, with three digits.
std::string format_time(double nanoseconds);
std::string format_size(double bytes);
std::string format_count(double count);
// Returns a text such as "x1.23".
std::string format_ratio(double ratio);

// How the steps of an axis are written: the unit in which they are round, and the text around a
// number.
struct Scale {
  double unit;
  const char* before;
  const char* after;
};

// The quantity of an axis: how its values are written, and the scales of an axis that ends below
// `large_from` and of a longer one.
struct Quantity {
  std::string (*format)(double);
  Scale small;
  double large_from;
  Scale large;
};
inline constexpr Quantity kTime{format_time, {1e6, "", " ms"}, 5e9, {1e9, "", " s"}};
inline constexpr Quantity kSize{format_size, {1 << 20, "", " MiB"}, 1 << 30, {1 << 30, "", " GiB"}};
inline constexpr Quantity kCount{format_count, {1, "", ""}, 1e4, {1e3, "", "k"}};
inline constexpr Quantity kRatio{format_ratio, {1, "\u00d7", ""}, 1e4, {1, "\u00d7", ""}};

// Returns the values of an axis from 0 to `most`, at most `parts` + 1, and their texts. Each step
// is 1, 2 or 5 times a power of ten of a common unit.
std::vector<std::pair<double, std::string>> ticks(double most, int parts, const Quantity& quantity);

// Returns the values of a logarithmic axis, from the last one at or below `least` to the first at
// or above `most`: 1, 2 and 5 times powers of ten, or only the powers if it spans more than two of
// them, and then at most twelve below `most`. Both are positive.
std::vector<std::pair<double, std::string>> log_ticks(double least, double most,
                                                      const Quantity& quantity);

}  // namespace faasnap::bench::report
