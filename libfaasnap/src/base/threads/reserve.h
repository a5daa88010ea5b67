// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/exception.h"
#include "base/threads/thread.h"

namespace faasnap::base {

// Keeps a few things made ahead of their use, and makes others in the place of those that are
// taken, unless it is not to replace them, in the background on a thread of its own. After a
// failure it makes no more until a caller asks for one. Every member function is safe from any
// thread.
template <typename Thing>
class Reserve {
 public:
  struct Failures {
    std::uint64_t count = 0;
    std::string last;
  };

  // Begins to make `size` things, and no others unless it `replaces` them. `make` is called on the
  // thread, which is named `thread`.
  Reserve(const char* thread, std::size_t size, std::function<Thing()> make, bool replaces = true)
      : size_(size), make_(std::move(make)), replaces_(replaces) {
    thread_ = start_thread(thread, [this] { refill(); });
  }
  ~Reserve() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;

  // Returns what has waited longest, or nothing if nothing waits. If it does not replace things, it
  // waits for one that is on its way.
  std::optional<Thing> take() {
    std::unique_lock lock(mutex_);
    try_again();
    if (!replaces_) {
      changed_.wait(lock, [&] { return !ready_.empty() || made_ == size_ || failure_; });
    }
    if (ready_.empty()) {
      return std::nullopt;
    }
    std::optional<Thing> thing(std::move(ready_.front()));
    ready_.pop_front();
    return thing;
  }

  // Waits until everything is made. Throws the failure that keeps it from that.
  void wait_full() {
    std::unique_lock lock(mutex_);
    try_again();
    changed_.wait(lock, [&] { return !wanted() || failure_; });
    if (wanted()) {
      std::rethrow_exception(failure_);
    }
  }

  // Calls `visit` with each thing that waits. It must not use the reserve.
  template <typename Visit>
  void for_each(Visit visit) const {
    const std::lock_guard lock(mutex_);
    for (const Thing& thing : ready_) {
      visit(thing);
    }
  }

  std::size_t ready() const {
    const std::lock_guard lock(mutex_);
    return ready_.size();
  }

  Failures failures() const {
    const std::lock_guard lock(mutex_);
    return failures_;
  }

 private:
  // True if another thing is to be made. Needs the mutex.
  bool wanted() const { return replaces_ ? ready_.size() < size_ : made_ < size_; }

  // Clears the failure so that the thread goes on. Needs the mutex.
  void try_again() {
    failure_ = nullptr;
    changed_.notify_all();
  }

  void refill() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stop_ || (wanted() && !failure_); });
      if (stop_) {
        return;
      }
      lock.unlock();
      std::optional<Thing> made;
      std::exception_ptr failure;
      try {
        made.emplace(make_());
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (made) {
        ready_.push_back(std::move(*made));
        ++made_;
      } else {
        failure_ = failure;
        ++failures_.count;
        failures_.last = describe(failure);
      }
      changed_.notify_all();
    }
  }

  const std::size_t size_;
  const std::function<Thing()> make_;
  const bool replaces_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::deque<Thing> ready_;
  std::size_t made_ = 0;
  Failures failures_;
  // The last failure; cleared when a caller asks for a thing.
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace faasnap::base
