// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include <faasnap/units.h>

#include "image/byte_source.h"

namespace faasnap::cli {

// Returns the SHA-256 sum of the bytes in hexadecimal. `progress` is told what is done and returns
// false to stop. Throws Failure if the source cannot be read, and Interrupted.
std::string sha256(const ByteSource& source,
                   const std::function<bool(Bytes done, Bytes total)>& progress = {});

// Does the same for a file of the host.
std::string sha256_of_file(const std::filesystem::path& file,
                           const std::function<bool(Bytes done, Bytes total)>& progress = {});

}  // namespace faasnap::cli
