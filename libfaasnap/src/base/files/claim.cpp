// SPDX-License-Identifier: Apache-2.0

#include "base/files/claim.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace faasnap::base {
namespace {

bool is_named(const UniqueFd& fd, const std::filesystem::path& path) noexcept {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd.get(), &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

bool claim(const UniqueFd& fd, const std::filesystem::path& path) noexcept {
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return false;
  }
  return is_named(fd, path);
}

bool is_abandoned(const UniqueFd& fd, const std::filesystem::path& path) noexcept {
  return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && is_named(fd, path);
}

}  // namespace faasnap::base
