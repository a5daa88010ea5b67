// SPDX-License-Identifier: Apache-2.0

#include "paging/record/access_log.h"

#include <algorithm>

namespace faasnap::paging {

void AccessLog::start(Nanoseconds now) {
  const std::lock_guard lock(mutex_);
  start_ = now;
}

void AccessLog::note(PageAccess access) {
  const std::lock_guard lock(mutex_);
  if (seen_.at(access.page.value)) {
    return;
  }
  seen_[access.page.value] = true;
  access.time -= std::min(start_, access.time);
  accesses_.push_back(access);
}

std::vector<PageAccess> AccessLog::accesses() const {
  const std::lock_guard lock(mutex_);
  return accesses_;
}

}  // namespace faasnap::paging
