#pragma once

#include <filesystem>

#include <faasnap/progress.h>
#include <faasnap/units.h>

#include "base/error.h"

namespace faasnap::base {

// Tells the caller of a long operation how far it is, and throws ErrorKind::cancelled when the
// caller wants it to stop.
inline void report_progress(const Progress& progress, Bytes done, Bytes total,
                            const char* operation, const std::filesystem::path& path) {
  if (progress && !progress(done, total)) {
    base::fail(ErrorKind::cancelled, operation, path, "stopped by the caller");
  }
}

}  // namespace faasnap::base
