// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_EVENT_LOOP_H_
#define FAASNAP_INIT_EVENT_LOOP_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "fd.h"

namespace faasnap::init {

// Returns the nanoseconds since the boot, without the time that the machine slept.
std::int64_t monotonic_now();

// The program's one thread: waits for descriptors and timers, and calls who asked for them.
class EventLoop {
 public:
  // `events` are those of epoll_wait(2).
  using EventCallback = std::function<void(std::uint32_t events)>;
  using Callback = std::function<void()>;
  using Timer = std::multimap<std::int64_t, Callback>::iterator;

  EventLoop();

  // Calls `callback` whenever `fd` has `events`, until unwatch. `fd` remains the caller's.
  void watch(int fd, std::uint32_t events, EventCallback callback);
  void change(int fd, std::uint32_t events);
  // May be called from the callback itself.
  void unwatch(int fd);

  // Calls `callback` once, at `when` on the monotonic clock, unless it is cancelled before.
  Timer at(std::int64_t when, Callback callback);
  void cancel(Timer timer);

  // Calls `callback` when the present one has returned: for what destroys its own caller.
  void later(Callback callback);

  // Does not return.
  [[noreturn]] void run();

 private:
  void call_due_timers();
  void call_later();
  int milliseconds_to_wait() const;

  Fd epoll_;
  // By descriptor. Shared so that a callback survives its own unwatch.
  std::vector<std::shared_ptr<EventCallback>> callbacks_;
  std::multimap<std::int64_t, Callback> timers_;
  std::vector<Callback> later_;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_EVENT_LOOP_H_
