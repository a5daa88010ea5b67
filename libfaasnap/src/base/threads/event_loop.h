// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <faasnap/units.h>

#include "base/files/fd.h"

namespace faasnap::base {

class Timer;

// One thread that waits for descriptors (epoll, level-triggered) and runs their callbacks. Data
// that only callbacks touch belong to that thread and need no lock.
//
// watch, modify and unwatch may be called on the loop's thread only (by callbacks and posted
// functions); post, run and stop on any thread. Callbacks must not throw: the first exception that
// escapes one goes to the failure handler, and the loop continues. Work that is posted waits for
// one callback at most, so a callback must be short.
class EventLoop {
 public:
  using Callback = std::function<void(std::uint32_t events)>;
  using FailureHandler = std::function<void(std::exception_ptr)>;

  explicit EventLoop(FailureHandler on_failure);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Calls `callback` with EPOLL* bits whenever the descriptor has one of `events`. The caller keeps
  // the descriptor and must unwatch it before closing it. Throws, and watches nothing, if the
  // kernel has no room for the descriptor.
  void watch(int fd, std::uint32_t events, Callback callback);
  void modify(int fd, std::uint32_t events);
  void unwatch(int fd) noexcept;

  // Queues `work` for the loop's thread and returns. Dropped after stop().
  void post(std::function<void()> work);
  // Runs `work` on the loop's thread and waits for it; rethrows its exception. On the loop's thread
  // it runs at once. After stop() the caller runs it, one caller at a time, so that it never runs
  // concurrently with other work of this loop.
  void run(const std::function<void()>& work);
  bool on_loop_thread() const noexcept;
  // Ends the thread after the current callback; idempotent. Must not be called on the loop's
  // thread.
  void stop() noexcept;

 private:
  friend class Timer;

  // What is called for a descriptor. Descriptor numbers are used again, so an event carries the
  // number of its watch as well.
  struct Watch {
    std::uint32_t number;
    std::shared_ptr<Callback> callback;
  };

  void loop();
  void run_posted();
  void run_watch(std::uint64_t event_data, std::uint32_t events);
  void run_timers();
  int milliseconds_to_timer() const noexcept;
  template <typename Call>
  void guarded(Call call);

  FailureHandler on_failure_;
  UniqueFd epoll_;
  EventFd wake_;
  std::unordered_map<int, Watch> watches_;
  std::uint32_t last_watch_ = 0;
  std::set<std::pair<Nanoseconds, Timer*>> timers_;  // by the time when they expire
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  bool stopped_ = false;
  std::atomic<bool> stop_requested_{false};
  // Held while work runs after the loop has stopped, first by the loop's thread, for what was still
  // posted.
  std::recursive_mutex after_stop_;
  std::mutex join_mutex_;
  std::atomic<std::thread::id> loop_thread_;
  std::thread thread_;
};

// Calls a function on the loop's thread some time later. For the loop's thread only, as
// EventLoop::watch is, except for the constructor; `loop` must outlive it.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> expired)
      : loop_(loop), expired_(std::move(expired)) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Expires once, `delay` from now: with zero, as soon as each descriptor has had its turn. An
  // earlier start is forgotten.
  void start(Nanoseconds delay);
  void cancel() noexcept;
  bool running() const noexcept { return running_; }

 private:
  friend class EventLoop;

  EventLoop& loop_;
  std::function<void()> expired_;
  Nanoseconds time_{0};
  bool running_ = false;
};

}  // namespace faasnap::base
