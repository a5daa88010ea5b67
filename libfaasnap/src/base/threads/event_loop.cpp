// SPDX-License-Identifier: Apache-2.0

#include "base/threads/event_loop.h"

#include <sys/epoll.h>

#include <array>
#include <future>

#include "base/error.h"
#include "base/threads/thread.h"

namespace faasnap::base {

EventLoop::EventLoop(FailureHandler on_failure)
    : on_failure_(std::move(on_failure)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) {
    fail_errno("create epoll");
  }
  watch(wake_.get(), EPOLLIN, [this](std::uint32_t) { wake_.drain(); });
  thread_ = start_thread("faasnap-loop", [this] { loop(); });
}

EventLoop::~EventLoop() { stop(); }

void EventLoop::watch(int fd, std::uint32_t events, Callback callback) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    fail_errno("watch descriptor");
  }
  callbacks_[fd] = std::make_shared<Callback>(std::move(callback));
}

void EventLoop::modify(int fd, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    fail_errno("change watched events");
  }
}

void EventLoop::unwatch(int fd) noexcept {
  if (callbacks_.erase(fd) != 0) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }
}

void EventLoop::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) {
    posted_.push_back(std::move(work));
    wake_.signal();
  }
}

void EventLoop::run(const std::function<void()>& work) {
  if (on_loop_thread()) {
    return work();
  }
  std::packaged_task<void()> task(work);
  auto done = task.get_future();
  bool queued = false;
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      posted_.push_back([&task] { task(); });
      wake_.signal();
      queued = true;
    }
  }
  if (!queued) {
    const std::lock_guard alone(after_stop_);
    task();
  }
  done.get();
}

bool EventLoop::on_loop_thread() const noexcept {
  return std::this_thread::get_id() == loop_thread_.load();
}

void EventLoop::stop() noexcept {
  stop_requested_ = true;
  wake_.signal();
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) {
    thread_.join();
  }
}

void EventLoop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (const auto& item : work) {
    try {
      item();
    } catch (...) {
      on_failure_(std::current_exception());
    }
  }
}

void EventLoop::loop() {
  loop_thread_ = std::this_thread::get_id();
  std::array<epoll_event, 32> events;
  while (!stop_requested_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const auto found = callbacks_.find(events[i].data.fd);
      if (found == callbacks_.end()) {
        continue;  // an earlier callback of this round unwatched it
      }
      const auto callback = found->second;  // it may unwatch itself
      try {
        (*callback)(events[i].events);
      } catch (...) {
        on_failure_(std::current_exception());
      }
    }
    run_posted();
  }
  const std::lock_guard alone(after_stop_);
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  run_posted();
  // Cleared because thread ids are reused.
  loop_thread_ = std::thread::id();
}

}  // namespace faasnap::base
