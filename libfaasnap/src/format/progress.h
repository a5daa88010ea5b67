#pragma once

#include <filesystem>

#include <faasnap/snapshot.h>
#include <faasnap/units.h>

#include "base/error.h"

namespace faasnap::format {

// Tells the caller of a long operation how far it is, and throws ErrorKind::cancelled when the
// caller wants it to stop.
inline void report(const Progress& progress, Bytes done, Bytes total, const char* operation,
                   const std::filesystem::path& path) {
  if (progress && !progress(done, total)) {
    base::fail(ErrorKind::cancelled, operation, path, "stopped by the caller");
  }
}

}  // namespace faasnap::format
