// SPDX-License-Identifier: Apache-2.0

#include "run/cached_pages.h"

#include <faasnap/error.h>

namespace faasnap::cli {

CachedPages cached_pages(const Snapshot& snapshot) {
  try {
    return {snapshot.cached_pages(), {}};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::permission) {
      throw;
    }
    return {std::nullopt, error.what()};
  }
}

}  // namespace faasnap::cli
