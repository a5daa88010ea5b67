// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>

#include "base/config.h"
#include "base/error.h"

namespace platform {

// Lets invocations run within the limits of host and function, makes others wait in a bounded
// queue, and turns away what the queue has no room for. First come, first served, but for those
// whose own function has no room: they hold up nobody else.
//
// The memory of an invocation is that of its VM. A VM that a client keeps holds its memory on after
// its first invocation (Slot::rest), and its further invocations need none. Counters:
// throttled_total{limit}, queue_length. Every member function is safe from any thread.
class Admission {
 public:
  using Clock = std::chrono::steady_clock;

  // What an invocation needs.
  struct Need {
    std::string function;
    // Most concurrent invocations of the function.
    unsigned concurrency = 0;
    // 0 if the VM's memory is held already: such an invocation overtakes those that wait for
    // memory, as what they wait for may be the end of its VM.
    std::uint64_t memory_mib = 0;
  };

  // The right to run one invocation, and its memory, until it is destroyed.
  class Slot {
   public:
    Slot(Slot&& other) noexcept
        : admission_(other.admission_),
          need_(std::move(other.need_)),
          runs_(other.runs_),
          begun_(other.begun_) {
      other.admission_ = nullptr;
    }
    Slot& operator=(Slot&&) = delete;
    ~Slot();
    // Gives up the right to run, once, and keeps the memory. Not safe beside another call.
    void rest();

   private:
    friend class Admission;
    Slot(Admission& admission, Need need) : admission_(&admission), need_(std::move(need)) {}

    Admission* admission_;
    Need need_;
    bool runs_ = true;
    Clock::time_point begun_ = Clock::now();
  };

  struct Load {
    unsigned running = 0;
    std::uint64_t memory_mib = 0;
    std::size_t waiting = 0;
  };

  explicit Admission(const HostLimits& limits) : limits_(limits) {}

  // Waits for room. Throws Throttled if the queue is full, if HostLimits::queue_timeout passes, or
  // after close(); RequestError if the host never has the memory.
  Slot enter(const Need& need);
  // Turns away whoever waits, and everyone from now on.
  void close();
  Load load() const;

 private:
  bool has_room(const Need& need) const;
  bool is_first_that_fits(std::list<Need>::const_iterator place) const;
  [[noreturn]] void turn_away(const Need& need, const char* reason) const;
  void end_run(const Need& need, Clock::duration took);
  void give_back(std::uint64_t memory_mib);

  const HostLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  std::list<Need> waiting_;
  Load load_;
  std::map<std::string, unsigned> running_;
  // How long an invocation takes, as an average in which the last ones count most.
  std::chrono::nanoseconds typical_{0};
};

}  // namespace platform
