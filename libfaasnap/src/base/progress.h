// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <utility>

#include <faasnap/progress.h>
#include <faasnap/units.h>

#include "base/error.h"

namespace faasnap::base {

[[noreturn]] inline void fail_stopped(const char* operation, const std::filesystem::path& path) {
  base::fail(ErrorKind::cancelled, operation, path, "stopped by the caller");
}

// Throws ErrorKind::cancelled if the caller of `operation` wants it to stop.
inline void check_not_stopped(const std::stop_token& stop, const char* operation,
                              const std::filesystem::path& path = {}) {
  if (stop.stop_requested()) {
    fail_stopped(operation, path);
  }
}

// Reports the progress of a long operation to its caller. Throws ErrorKind::cancelled if the caller
// wants it to stop.
inline void report_progress(const Progress& progress, Bytes done, Bytes total,
                            const char* operation, const std::filesystem::path& path) {
  if (progress && !progress(done, total)) {
    fail_stopped(operation, path);
  }
}

// Maps the progress of consecutive steps to that of the whole operation.
class StepProgress {
 public:
  // `progress` must outlive the steps.
  StepProgress(const Progress& progress, Bytes total) : progress_(progress), total_(total) {}

  // Returns the progress for the next step, which stands for `size` of the total, whatever total
  // the step itself counts to.
  Progress next(Bytes size) {
    const Bytes before = std::exchange(before_, before_ + size);
    return [this, before, size](Bytes done, Bytes total) {
      const double part = total.value == 0
                              ? 1.0
                              : static_cast<double>(done.value) / static_cast<double>(total.value);
      const auto of_step =
          static_cast<std::uint64_t>(std::llround(part * static_cast<double>(size.value)));
      return !progress_ || progress_(before + Bytes{of_step}, total_);
    };
  }

 private:
  const Progress& progress_;
  const Bytes total_;
  Bytes before_;
};

}  // namespace faasnap::base
