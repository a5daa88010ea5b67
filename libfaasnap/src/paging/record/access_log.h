#pragma once

#include <mutex>
#include <vector>

#include <faasnap/page_access.h>
#include <faasnap/units.h>

namespace faasnap::paging {

// The first touches of guest pages, in order. Safe from any thread.
class AccessLog {
 public:
  explicit AccessLog(Bytes memory) : seen_(memory.pages()) {}

  // Accesses are timed from here on.
  void start(Nanoseconds now);
  // Only the first access to a page is kept; one before `start` is at time zero.
  // `access.time` is when it is by the clock of `start`.
  void note(PageAccess access);
  std::vector<PageAccess> accesses() const;

 private:
  mutable std::mutex mutex_;
  Nanoseconds start_ = Nanoseconds::max();
  std::vector<bool> seen_;
  std::vector<PageAccess> accesses_;
};

}  // namespace faasnap::paging
