// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "uring/ring.h"

namespace faasnap::uring {

// Does the work on threads of its own, each of which waits for one request at a time. They begin
// with the first requests, one for each that finds no idle thread, and end with the ring. If the
// host gives no thread, the thread that submits does the work.
class ThreadRing final : public Ring {
 public:
  static constexpr unsigned kMostThreads = 8;

  explicit ThreadRing(unsigned capacity);
  ~ThreadRing() override;

  void cancel(std::uint64_t user_data) override;
  void submit_and_wait(unsigned count) override;
  void register_event(const base::EventFd& event) override;
  bool of_threads() const noexcept override { return true; }

 private:
  void queue(const Request& request) override { queued_.push_back(request); }
  std::optional<Completion> next_completion() noexcept override;
  void start_threads(std::size_t wanted);
  void work();
  // Carries out the first waiting request; unlocks `lock` meanwhile.
  void work_off_one(std::unique_lock<std::mutex>& lock);
  // Needs the mutex.
  void complete(const Completion& completion);
  static std::int32_t carry_out(const Request& request) noexcept;

  std::vector<Request> queued_;  // not yet submitted
  std::mutex mutex_;
  std::condition_variable submitted_;
  std::condition_variable completed_;
  // What the mutex guards.
  std::deque<Request> waiting_;
  std::deque<Completion> done_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  const base::EventFd* event_ = nullptr;

  std::vector<std::thread> threads_;
};

}  // namespace faasnap::uring
