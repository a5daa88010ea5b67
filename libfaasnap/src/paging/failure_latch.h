#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <string>

namespace faasnap::paging {

// The first failure of any thread of a pager, and what follows from it in this order: `failed` is
// told why, then `release` lets those go on who wait for pages. Safe from any thread.
class FailureLatch {
 public:
  FailureLatch(std::function<void(const std::string& reason)> failed,
               std::function<void()> release);

  // Keeps `failure` if it is the first. An exception of the two functions is dropped: it came after
  // the failure.
  void report(std::exception_ptr failure) noexcept;
  bool failed() const noexcept { return failed_; }
  // Throws the failure, if there was one.
  void rethrow() const;

 private:
  std::function<void(const std::string& reason)> tell_;
  std::function<void()> release_;
  mutable std::mutex mutex_;
  std::exception_ptr first_;
  std::atomic<bool> failed_{false};
};

}  // namespace faasnap::paging
