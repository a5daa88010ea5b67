// SPDX-License-Identifier: Apache-2.0

#include "paging/load_log.h"

#include <algorithm>

namespace faasnap::paging {

void LoadLog::start(Nanoseconds now) {
  const std::lock_guard lock(mutex_);
  start_ = now;
}

void LoadLog::note(PageRange pages, Nanoseconds now) {
  const std::lock_guard lock(mutex_);
  loads_.push_back({pages, now - std::min(start_, now)});
}

std::vector<PageLoad> LoadLog::loads() const {
  const std::lock_guard lock(mutex_);
  return loads_;
}

}  // namespace faasnap::paging
