// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <mutex>
#include <vector>

#include <faasnap/page_load.h>
#include <faasnap/units.h>

namespace faasnap::paging {

// Records which pages were loaded when, in the order in which they came. Safe from any thread.
class LoadLog {
 public:
  // Times count from `now` on; pages that came before are at time zero.
  void start(Nanoseconds now);
  void note(PageRange pages, Nanoseconds now);
  std::vector<PageLoad> loads() const;

 private:
  mutable std::mutex mutex_;
  Nanoseconds start_ = Nanoseconds::max();
  std::vector<PageLoad> loads_;
};

}  // namespace faasnap::paging
