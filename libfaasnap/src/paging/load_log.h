#pragma once

#include <mutex>
#include <vector>

#include <faasnap/page_load.h>
#include <faasnap/units.h>

namespace faasnap::paging {

// What was loaded when, in the order in which it came. Safe from any thread.
class LoadLog {
 public:
  // Times count from here on; what comes before is at time zero.
  void start(Nanoseconds now);
  void note(PageRange pages, Nanoseconds now);
  std::vector<PageLoad> loads() const;

 private:
  mutable std::mutex mutex_;
  Nanoseconds start_ = Nanoseconds::max();
  std::vector<PageLoad> loads_;
};

}  // namespace faasnap::paging
