// SPDX-License-Identifier: Apache-2.0

#include "functions/progress.h"

#include <fmt/format.h>

#include "harness/program.h"

namespace faasnap::bench {

Progress::~Progress() { show_progress(""); }

void Progress::show(const std::string& what) const {
  std::string left;
  if (done_ != 0) {
    const auto rest = (Clock::now() - begun_) / done_ * (all_ - done_);
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(rest).count();
    left = fmt::format(", {} min left", minutes + 1);
  }
  show_progress(fmt::format("[{}/{}{}] {}", done_, all_, left, what));
}

}  // namespace faasnap::bench
