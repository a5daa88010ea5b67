#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/fd.h"

namespace faasnap::base {

// One thread that waits for descriptors (epoll, level-triggered) and runs their callbacks. What a
// callback touches is touched by that thread alone and needs no lock.
//
// watch, modify and unwatch are for the loop's thread only (from callbacks and posted functions);
// post, run and stop are for any thread. Callbacks must not throw: the first exception that escapes
// one goes to the failure handler, and the loop goes on.
class EventLoop {
 public:
  using Callback = std::function<void(std::uint32_t events)>;
  using FailureHandler = std::function<void(std::exception_ptr)>;

  explicit EventLoop(FailureHandler on_failure);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Calls `callback` with EPOLL* bits whenever the descriptor has one of `events`. The descriptor
  // stays the caller's and must be unwatched before it is closed.
  void watch(int fd, std::uint32_t events, Callback callback);
  void modify(int fd, std::uint32_t events);
  void unwatch(int fd) noexcept;

  // Queues `work` for the loop's thread and returns. After stop() it is dropped.
  void post(std::function<void()> work);
  // Runs `work` on the loop's thread and waits for it; an exception from it is thrown here. Called
  // on the loop's thread it runs at once; after stop() the caller runs it, one caller at a time, so
  // that work never meets other work of this loop.
  void run(const std::function<void()>& work);
  bool on_loop_thread() const noexcept;
  // Ends the thread after the callback under way; idempotent. Not from the loop's own thread.
  void stop() noexcept;

 private:
  void loop();
  void run_posted();

  FailureHandler on_failure_;
  UniqueFd epoll_;
  EventFd wake_;
  std::unordered_map<int, std::shared_ptr<Callback>> callbacks_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  bool stopped_ = false;
  std::atomic<bool> stop_requested_{false};
  // Held by whoever runs work once the loop has stopped: its thread first, for what was still
  // posted.
  std::recursive_mutex after_stop_;
  std::mutex join_mutex_;
  std::atomic<std::thread::id> loop_thread_;
  std::thread thread_;
};

}  // namespace faasnap::base
