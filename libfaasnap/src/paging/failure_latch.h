// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <string>

namespace faasnap::paging {

// Keeps the first failure of the threads of a pager. On it, calls `failed` with the reason and then
// `release`, which wakes all threads that wait for pages. Safe from any thread.
class FailureLatch {
 public:
  FailureLatch(std::function<void(const std::string& reason)> failed,
               std::function<void()> release);

  // Keeps `failure` if it is the first. Drops an exception of either function, since it came after
  // the failure.
  void report(std::exception_ptr failure) noexcept;
  bool failed() const noexcept { return failed_; }
  // Throws the failure if there was one.
  void rethrow() const;

 private:
  std::function<void(const std::string& reason)> tell_;
  std::function<void()> release_;
  mutable std::mutex mutex_;
  std::exception_ptr first_;
  std::atomic<bool> failed_{false};
};

}  // namespace faasnap::paging
