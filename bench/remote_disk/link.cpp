// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/link.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace faasnap::bench {
namespace {

double three_digits(double value) {
  const double unit = std::pow(10, std::floor(std::log10(value)) - 2);
  return std::round(value / unit) * unit;
}

}  // namespace

LinkSpeed LinkSpeed::slower(double times) const {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(latency * times), bytes / times,
          requests / times};
}

std::string LinkSpeed::figures() const {
  return fmt::format("{:g} ms, {:g} MiB/s, {:g} IOPS",
                     three_digits(std::chrono::duration<double, std::milli>(latency).count()),
                     three_digits(bytes / (1 << 20)), three_digits(requests));
}

Link::Clock::time_point Link::answer(Clock::time_point arrival, std::uint64_t bytes) {
  const auto seconds = [](double count) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
  };
  const double transfer = static_cast<double>(bytes) / speed_.bytes;
  const Clock::time_point begin = std::max(free_, arrival);
  free_ = begin + seconds(std::max(transfer, 1 / speed_.requests));
  return begin + seconds(transfer) + speed_.latency;
}

}  // namespace faasnap::bench
