#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace faasnap::bench {

// How fast a device answers.
struct LinkSpeed {
  // The time from a request to its answer, when nothing else is under way.
  std::chrono::nanoseconds latency{};
  // What passes in a second, whatever is under way; both positive.
  double bytes = 0;
  double requests = 0;

  // The same device as a processor sees it that is `times` as slow.
  LinkSpeed slower(double times) const;
  // "1 ms, 125 MiB/s, 3000 IOPS", each to three digits.
  std::string figures() const;
};

// When requests are answered: each a latency after its bytes have passed. They pass one after the
// other, and no more of them begin in a second than the speed says. For one thread.
class Link {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Link(const LinkSpeed& speed) : speed_(speed) {}

  // For requests in the order in which they come.
  Clock::time_point answer(Clock::time_point arrival, std::uint64_t bytes);

 private:
  LinkSpeed speed_;
  Clock::time_point free_{};
};

}  // namespace faasnap::bench
