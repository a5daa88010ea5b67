#include "paging/access_log.h"

#include <algorithm>

namespace faasnap::paging {

void AccessLog::start(Nanoseconds now) {
  const std::lock_guard lock(mutex_);
  start_ = now;
}

void AccessLog::note(PageIndex page, bool write, bool zero, Nanoseconds now) {
  const std::lock_guard lock(mutex_);
  if (seen_.at(page.value)) {
    return;
  }
  seen_[page.value] = true;
  const Nanoseconds time = now - std::min(start_, now);
  accesses_.push_back({page, time, write, zero});
}

std::vector<PageAccess> AccessLog::accesses() const {
  const std::lock_guard lock(mutex_);
  return accesses_;
}

}  // namespace faasnap::paging
