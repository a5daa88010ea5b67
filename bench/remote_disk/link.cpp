#include "remote_disk/link.h"

#include <fmt/format.h>

#include <algorithm>

namespace faasnap::bench {

LinkSpeed LinkSpeed::slower(double times) const {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(latency * times), bytes / times,
          requests / times};
}

std::string LinkSpeed::name() const {
  return fmt::format("remote, {:g} ms, {:g} MiB/s, {:g} IOPS",
                     std::chrono::duration<double, std::milli>(latency).count(), bytes / (1 << 20),
                     requests);
}

Link::Clock::time_point Link::answer(Clock::time_point arrival, std::uint64_t bytes) {
  const std::chrono::duration<double> passing(
      std::max(static_cast<double>(bytes) / speed_.bytes, 1 / speed_.requests));
  free_ = std::max(free_, arrival) + std::chrono::duration_cast<Clock::duration>(passing);
  return free_ + speed_.latency;
}

}  // namespace faasnap::bench
