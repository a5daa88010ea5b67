// SPDX-License-Identifier: Apache-2.0

#include "base/error.h"

#include <fmt/format.h>

#include <cstring>

namespace faasnap {

const char* to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::invalid_argument:
      return "invalid_argument";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::already_exists:
      return "already_exists";
    case ErrorKind::permission:
      return "permission";
    case ErrorKind::no_space:
      return "no_space";
    case ErrorKind::io:
      return "io";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::version:
      return "version";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::guest:
      return "guest";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::internal:
      return "internal";
  }
  return "unknown";
}

namespace {

std::string message(const std::string& operation, const std::string& path,
                    const std::string& reason) {
  return path.empty() ? fmt::format("{}: {}", operation, reason)
                      : fmt::format("{}: {}: {}", operation, path, reason);
}

ErrorKind kind_of(int error_number) {
  switch (error_number) {
    case ENOENT:
      return ErrorKind::not_found;
    case EEXIST:
    case ENOTEMPTY:
      return ErrorKind::already_exists;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::permission;
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::no_space;
    case EIO:
      return ErrorKind::io;
    case EINVAL:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return ErrorKind::invalid_argument;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENODEV:
    case ENXIO:
      return ErrorKind::unsupported;
    case ETIMEDOUT:
      return ErrorKind::timeout;
    case ECANCELED:
      return ErrorKind::cancelled;
    default:
      return ErrorKind::internal;
  }
}

}  // namespace

Error::Error(ErrorKind kind, std::string operation, std::string path, const std::string& reason,
             int error_number)
    : std::runtime_error(message(operation, path, reason)),
      kind_(kind),
      operation_(std::move(operation)),
      path_(std::move(path)),
      error_number_(error_number) {}

namespace base {

void fail(ErrorKind kind, std::string operation, const std::filesystem::path& path,
          const std::string& reason) {
  throw Error(kind, std::move(operation), path.string(), reason);
}

void fail_errno(std::string operation, const std::filesystem::path& path, int error_number) {
  throw Error(kind_of(error_number), std::move(operation), path.string(),
              std::strerror(error_number), error_number);
}

void fail_errno(std::string operation, const std::filesystem::path& path) {
  fail_errno(std::move(operation), path, errno);
}

}  // namespace base
}  // namespace faasnap
