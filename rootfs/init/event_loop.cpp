// SPDX-License-Identifier: Apache-2.0

#include "event_loop.h"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::int64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr std::int64_t kLongestWaitMs = 3'600'000;

void control_epoll(int epoll, int operation, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, operation, fd, &event) != 0) {
    die("epoll_ctl failed: %s", std::strerror(errno));
  }
}

}  // namespace

std::int64_t monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.is_open()) {
    die("epoll_create1 failed: %s", std::strerror(errno));
  }
}

void EventLoop::watch(int fd, std::uint32_t events, EventCallback callback) {
  const auto index = static_cast<std::size_t>(fd);
  callbacks_.resize(std::max(callbacks_.size(), index + 1));
  callbacks_[index] = std::make_shared<EventCallback>(std::move(callback));
  control_epoll(epoll_.get(), EPOLL_CTL_ADD, fd, events);
}

void EventLoop::change(int fd, std::uint32_t events) {
  control_epoll(epoll_.get(), EPOLL_CTL_MOD, fd, events);
}

void EventLoop::unwatch(int fd) {
  control_epoll(epoll_.get(), EPOLL_CTL_DEL, fd, 0);
  callbacks_[static_cast<std::size_t>(fd)].reset();
}

EventLoop::Timer EventLoop::at(std::int64_t when, Callback callback) {
  return timers_.emplace(when, std::move(callback));
}

void EventLoop::cancel(Timer timer) { timers_.erase(timer); }

void EventLoop::later(Callback callback) { later_.push_back(std::move(callback)); }

void EventLoop::run() {
  for (;;) {
    // One event at a time: what its callback closes and opens never meets another, older event.
    epoll_event event{};
    const int count = ::epoll_wait(epoll_.get(), &event, 1, milliseconds_to_wait());
    if (count < 0 && errno != EINTR) {
      die("epoll_wait failed: %s", std::strerror(errno));
    }
    if (count == 1) {
      const auto callback = callbacks_[static_cast<std::size_t>(event.data.fd)];
      (*callback)(event.events);
    }
    call_due_timers();
    call_later();
  }
}

void EventLoop::call_due_timers() {
  while (!timers_.empty() && timers_.begin()->first <= monotonic_now()) {
    const auto timer = timers_.extract(timers_.begin());
    timer.mapped()();
  }
}

void EventLoop::call_later() {
  for (auto callbacks = std::exchange(later_, {}); !callbacks.empty();
       callbacks = std::exchange(later_, {})) {
    for (const Callback& callback : callbacks) {
      callback();
    }
  }
}

int EventLoop::milliseconds_to_wait() const {
  if (timers_.empty()) {
    return -1;
  }
  const std::int64_t left = timers_.begin()->first - monotonic_now();
  const std::int64_t rounded_up =
      (left + kNanosecondsPerMillisecond - 1) / kNanosecondsPerMillisecond;
  return static_cast<int>(std::clamp<std::int64_t>(rounded_up, 0, kLongestWaitMs));
}

}  // namespace faasnap::init
