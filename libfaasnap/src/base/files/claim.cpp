// SPDX-License-Identifier: Apache-2.0

#include "base/files/claim.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>

#include "base/error.h"

namespace faasnap::base {
namespace {

// Returns nothing if that cannot be found out; errno says why.
std::optional<bool> is_named(const UniqueFd& fd, const std::filesystem::path& path) noexcept {
  struct stat opened {};
  struct stat named {};
  if (::fstat(fd.get(), &opened) != 0) {
    return std::nullopt;
  }
  if (::lstat(path.c_str(), &named) != 0) {
    return errno == ENOENT ? std::optional(false) : std::nullopt;
  }
  return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

bool claim(const UniqueFd& fd, const std::filesystem::path& path) {
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return false;
  }
  const auto named = is_named(fd, path);
  if (!named) {
    fail_errno("claim", path);
  }
  return *named;
}

bool is_abandoned(const UniqueFd& fd, const std::filesystem::path& path) noexcept {
  return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && is_named(fd, path).value_or(false);
}

}  // namespace faasnap::base
