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
  const std::chrono::duration<double> passing(
      std::max(static_cast<double>(bytes) / speed_.bytes, 1 / speed_.requests));
  free_ = std::max(free_, arrival) + std::chrono::duration_cast<Clock::duration>(passing);
  return free_ + speed_.latency;
}

}  // namespace faasnap::bench
