#pragma once

#include <filesystem>

#include <faasnap/progress.h>
#include <faasnap/units.h>

#include "base/error.h"

namespace faasnap::base {

// Reports the progress of a long operation to its caller. Throws ErrorKind::cancelled if the caller
// wants it to stop.
inline void report_progress(const Progress& progress, Bytes done, Bytes total,
                            const char* operation, const std::filesystem::path& path) {
  if (progress && !progress(done, total)) {
    base::fail(ErrorKind::cancelled, operation, path, "stopped by the caller");
  }
}

}  // namespace faasnap::base
