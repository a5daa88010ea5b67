// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <mutex>
#include <vector>

#include <faasnap/page_access.h>
#include <faasnap/units.h>

namespace faasnap::paging {

// Records the first touches of guest pages, in order. Safe from any thread.
class AccessLog {
 public:
  explicit AccessLog(Bytes memory) : seen_(memory.pages()) {}

  // Times count from `now` on.
  void start(Nanoseconds now);
  // Keeps only the first access to a page; one before `start` is at time zero. `access.time` must
  // use the same clock as `start`.
  void note(PageAccess access);
  std::vector<PageAccess> accesses() const;

 private:
  mutable std::mutex mutex_;
  Nanoseconds start_ = Nanoseconds::max();
  std::vector<bool> seen_;
  std::vector<PageAccess> accesses_;
};

}  // namespace faasnap::paging
