// SPDX-License-Identifier: Apache-2.0

#include "base/files/path.h"

#include <system_error>

#include "base/error.h"

namespace faasnap::base {

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) {
    fail_errno("find the absolute path", path, error.value());
  }
  return absolute;
}

}  // namespace faasnap::base
