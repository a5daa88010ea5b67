// SPDX-License-Identifier: Apache-2.0

#include "base/threads/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <future>

#include "base/clock.h"
#include "base/error.h"
#include "base/threads/thread.h"

namespace faasnap::base {
namespace {

std::uint64_t event_data(int fd, std::uint32_t watch) {
  return std::uint64_t{watch} << 32 | static_cast<std::uint32_t>(fd);
}
int fd_of(std::uint64_t event_data) { return static_cast<int>(event_data & 0xffff'ffff); }
std::uint32_t number_of(std::uint64_t event_data) {
  return static_cast<std::uint32_t>(event_data >> 32);
}

}  // namespace

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
  const Watch watch{++last_watch_, std::make_shared<Callback>(std::move(callback))};
  const auto [added, is_new] = watches_.try_emplace(fd, watch);
  if (!is_new) {
    fail_errno("watch descriptor", {}, EEXIST);
  }
  epoll_event event{.events = events, .data = {.u64 = event_data(fd, watch.number)}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    const int error_number = errno;
    watches_.erase(added);
    if (error_number == ENOSPC) {
      fail(ErrorKind::limit, "watch descriptor", {},
           "the user watches as many descriptors as the host allows; raise sysctl "
           "fs.epoll.max_user_watches");
    }
    fail_errno("watch descriptor", {}, error_number);
  }
}

void EventLoop::modify(int fd, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = event_data(fd, watches_.at(fd).number)}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    fail_errno("change watched events");
  }
}

void EventLoop::unwatch(int fd) noexcept {
  if (watches_.erase(fd) != 0) {
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

template <typename Call>
void EventLoop::guarded(Call call) {
  try {
    call();
  } catch (...) {
    on_failure_(std::current_exception());
  }
}

void EventLoop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (const auto& item : work) {
    guarded(item);
  }
}

void EventLoop::run_watch(std::uint64_t event_data, std::uint32_t events) {
  const auto found = watches_.find(fd_of(event_data));
  if (found == watches_.end() || found->second.number != number_of(event_data)) {
    return;  // unwatched earlier in this round
  }
  const auto callback = found->second.callback;  // it may unwatch itself
  guarded([&] { (*callback)(events); });
}

// Each timer that has expired runs once; one that starts again waits for the next round.
void EventLoop::run_timers() {
  const Nanoseconds now = monotonic_now();
  for (std::size_t left = timers_.size(); left != 0 && !timers_.empty(); --left) {
    const auto [time, timer] = *timers_.begin();
    if (time > now) {
      return;
    }
    timer->cancel();
    guarded(std::function<void()>(timer->expired_));  // it may destroy the timer
    run_posted();
  }
}

// Returns epoll_wait's timeout.
int EventLoop::milliseconds_to_timer() const noexcept {
  if (timers_.empty()) {
    return -1;
  }
  const Nanoseconds left = timers_.begin()->first - monotonic_now();
  constexpr Nanoseconds kLongest = std::chrono::hours(1);
  return left <= Nanoseconds(0)
             ? 0
             : static_cast<int>(
                   std::chrono::ceil<std::chrono::milliseconds>(std::min(left, kLongest)).count());
}

void EventLoop::loop() {
  loop_thread_ = std::this_thread::get_id();
  std::array<epoll_event, 32> events;
  while (!stop_requested_) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), events.size(), milliseconds_to_timer());
    for (int i = 0; i < count && !stop_requested_; ++i) {
      run_watch(events[i].data.u64, events[i].events);
      run_posted();
    }
    run_timers();
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

void Timer::start(Nanoseconds delay) {
  cancel();
  time_ = from_now(delay);
  loop_.timers_.emplace(time_, this);
  running_ = true;
}

void Timer::cancel() noexcept {
  if (std::exchange(running_, false)) {
    loop_.timers_.erase({time_, this});
  }
}

}  // namespace faasnap::base
