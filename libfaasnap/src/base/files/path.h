// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

namespace faasnap::base {

// Returns the path from the root. Throws a faasnap::Error that names it, for example if the current
// directory has been removed.
std::filesystem::path absolute_path(const std::filesystem::path& path);

}  // namespace faasnap::base
