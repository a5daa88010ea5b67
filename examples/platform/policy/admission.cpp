// SPDX-License-Identifier: Apache-2.0

#include "policy/admission.h"

#include <fmt/format.h>

#include "policy/retry.h"

namespace platform {

Admission::Slot::~Slot() {
  if (admission_ != nullptr) {
    rest();
    admission_->give_back(need_.memory_mib);
  }
}

void Admission::Slot::rest() {
  if (runs_) {
    runs_ = false;
    admission_->end_run(need_, Clock::now() - begun_);
  }
}

Admission::Slot Admission::enter(const Need& need) {
  if (need.memory_mib > limits_.memory_mib) {
    throw RequestError(Refusal::invalid,
                       fmt::format("the function needs {} MiB of memory, this host gives {} MiB",
                                   need.memory_mib, limits_.memory_mib));
  }
  std::unique_lock lock(mutex_);
  const auto deadline = Clock::now() + limits_.queue_timeout;
  const auto place = waiting_.insert(waiting_.end(), need);
  // A function without concurrency is switched off.
  if (closed_ || need.concurrency == 0 ||
      (!is_first_that_fits(place) && waiting_.size() > limits_.queue)) {
    const char* reason = closed_                 ? "the platform is shutting down"
                         : need.concurrency == 0 ? "the function may not run"
                                                 : "the queue is full";
    waiting_.erase(place);
    turn_away(need, reason);
  }
  const bool admitted =
      changed_.wait_until(lock, deadline, [&] { return closed_ || is_first_that_fits(place); });
  waiting_.erase(place);
  if (!admitted || closed_) {
    changed_.notify_all();
    turn_away(need, closed_ ? "the platform is shutting down" : "no room within the time to wait");
  }
  ++running_[need.function];
  ++load_.running;
  load_.memory_mib += need.memory_mib;
  changed_.notify_all();
  return {*this, need};
}

void Admission::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

Admission::Load Admission::load() const {
  const std::lock_guard lock(mutex_);
  Load load = load_;
  load.waiting = waiting_.size();
  return load;
}

bool Admission::has_room(const Need& need) const {
  const auto own = running_.find(need.function);
  return load_.running < limits_.concurrency &&
         load_.memory_mib + need.memory_mib <= limits_.memory_mib &&
         (own == running_.end() ? 0 : own->second) < need.concurrency;
}

bool Admission::is_first_that_fits(std::list<Need>::const_iterator place) const {
  for (auto each = waiting_.begin(); each != place; ++each) {
    const auto own = running_.find(each->function);
    const bool waits_for_memory = load_.memory_mib + each->memory_mib > limits_.memory_mib;
    // One that waits for memory or for the host is not overtaken by those that need memory too, or
    // it would starve.
    if ((own == running_.end() ? 0 : own->second) < each->concurrency &&
        !(waits_for_memory && place->memory_mib == 0)) {
      return false;
    }
  }
  return has_room(*place);
}

void Admission::turn_away(const Need& need, const char* reason) const {
  const auto own = running_.find(need.function);
  const bool by_function = (own == running_.end() ? 0 : own->second) >= need.concurrency;
  throw Throttled(
      fmt::format("{}: {} of {} invocations of the function run, {} of {} on this host "
                  "with {} of {} MiB, {} wait",
                  reason, own == running_.end() ? 0 : own->second, need.concurrency, load_.running,
                  limits_.concurrency, load_.memory_mib, limits_.memory_mib, waiting_.size()),
      by_function ? "function" : "queue",
      retry_after(waiting_.size(), by_function ? need.concurrency : limits_.concurrency, typical_));
}

void Admission::end_run(const Need& need, Clock::duration took) {
  const std::lock_guard lock(mutex_);
  if (--running_[need.function] == 0) {
    running_.erase(need.function);
  }
  --load_.running;
  typical_ += (std::chrono::nanoseconds(took) - typical_) / 8;
  changed_.notify_all();
}

void Admission::give_back(std::uint64_t memory_mib) {
  const std::lock_guard lock(mutex_);
  load_.memory_mib -= memory_mib;
  changed_.notify_all();
}

}  // namespace platform
