// SPDX-License-Identifier: Apache-2.0

#include "replay/player.h"

#include <sys/resource.h>

#include <atomic>
#include <chrono>

#include "replay/content.h"

namespace faasnap::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Passes time by watching the clock. Subtracts an overrun from the next gap.
class Computing {
 public:
  void pass(Nanoseconds gap) {
    wanted_ += gap;
    if (wanted_ <= passed_) {
      return;
    }
    const auto begin = Clock::now();
    Nanoseconds passed;
    do {
      passed = Clock::now() - begin;
    } while (passed < wanted_ - passed_);
    passed_ += passed;
  }

 private:
  Nanoseconds wanted_{0};
  Nanoseconds passed_{0};
};

rusage usage_of_thread() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage;
}

}  // namespace

std::vector<Step> make_steps(const Trace& trace, const Compute& compute) {
  const auto recorded = native_gaps(trace);
  const auto nonzero = page_map(trace.memory, trace.nonzero);
  const auto count = static_cast<std::int64_t>(trace.accesses.size());
  std::vector<Step> steps;
  steps.reserve(trace.accesses.size());
  for (std::size_t i = 0; i < trace.accesses.size(); ++i) {
    const PageAccess& access = trace.accesses[i];
    const bool data = nonzero[access.page.value];
    steps.push_back({data ? word_of_image(access.page, touched_word(access.page)) : 0, access.page,
                     compute.total ? *compute.total / count : recorded[i], access.write});
  }
  return steps;
}

Played play(std::span<const Step> steps, std::span<std::byte> memory) {
  Played played;
  Computing computing;
  const rusage before = usage_of_thread();
  const auto begin = Clock::now();
  for (const Step& step : steps) {
    if (step.gap > Nanoseconds(0)) {
      computing.pass(step.gap);
    }
    std::byte* address =
        memory.data() + step.page.offset().value + touched_word(step.page) * sizeof(std::uint64_t);
    const std::atomic_ref word(*reinterpret_cast<std::uint64_t*>(address));
    const std::uint64_t seen = step.write
                                   ? word.exchange(marker_of(step.page), std::memory_order_relaxed)
                                   : word.load(std::memory_order_relaxed);
    played.wrong += seen != step.expected;
  }
  played.duration = Clock::now() - begin;
  const rusage after = usage_of_thread();
  played.minor_faults = static_cast<std::uint64_t>(after.ru_minflt - before.ru_minflt);
  played.major_faults = static_cast<std::uint64_t>(after.ru_majflt - before.ru_majflt);
  return played;
}

}  // namespace faasnap::bench
