// SPDX-License-Identifier: Apache-2.0

#include "base/error.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

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
    case ErrorKind::untrusted:
      return "untrusted";
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
    case ErrorKind::limit:
      return "limit";
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
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorKind::limit;
    default:
      return ErrorKind::internal;
  }
}

// Returns the number in a file of /proc/sys, or nothing if it cannot be read.
std::optional<std::uint64_t> sysctl_value(const char* path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  return file >> value ? std::optional(value) : std::nullopt;
}

// Returns the number of mappings of this process, or 0 if it cannot be told.
std::uint64_t mappings() {
  std::ifstream file("/proc/self/maps");
  return static_cast<std::uint64_t>(
      std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n'));
}

// True if the file is missing because /proc is not there.
bool is_without_proc(const std::filesystem::path& path) {
  return path.native().starts_with("/proc/") && ::access("/proc/self", F_OK) != 0;
}

rlim_t soft_limit(__rlimit_resource_t resource) {
  rlimit limit{};
  return ::getrlimit(resource, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

std::string memory_limit() {
  const auto allowed = sysctl_value("/proc/sys/vm/max_map_count");
  // A mapping that is split in two needs room for both.
  if (const std::uint64_t used = mappings(); allowed && used + 2 >= *allowed) {
    return fmt::format("the process has {} mappings of {}; raise sysctl vm.max_map_count", used,
                       *allowed);
  }
  if (const rlim_t limit = soft_limit(RLIMIT_AS); limit != RLIM_INFINITY) {
    return fmt::format(
        "the process may have {} bytes of address space (RLIMIT_AS); raise it, for example with "
        "ulimit -v",
        limit);
  }
  const auto overcommit = sysctl_value("/proc/sys/vm/overcommit_memory");
  if (overcommit == 2) {
    return "the host's memory is promised already (sysctl vm.overcommit_memory=2); raise "
           "vm.overcommit_ratio, or set vm.overcommit_memory to 1";
  }
  return "the memory of the host or of the memory cgroup is used up; run fewer VMs or raise "
         "memory.max";
}

// Returns which limit a failed system call has reached, its value, and the remedy; an empty string
// if it is no limit.
std::string limit_of(int error_number) {
  switch (error_number) {
    case EMFILE:
      return fmt::format(
          "the process may have {} descriptors (RLIMIT_NOFILE); raise it, for example with "
          "ulimit -n",
          soft_limit(RLIMIT_NOFILE));
    case ENFILE: {
      const auto value = sysctl_value("/proc/sys/fs/file-max");
      return fmt::format("the host may have {} open files; raise sysctl fs.file-max",
                         value ? fmt::to_string(*value) : "no more");
    }
    case ENOMEM:
      return memory_limit();
    default:
      return {};
  }
}

std::string reason_of(int error_number) {
  const std::string limit = limit_of(error_number);
  const char* text = std::strerror(error_number);
  return limit.empty() ? text : fmt::format("{}: {}", text, limit);
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
  if (error_number == ENOENT && is_without_proc(path)) {
    throw Error(ErrorKind::unsupported, std::move(operation), path.string(), "/proc is not mounted",
                error_number);
  }
  throw Error(kind_of(error_number), std::move(operation), path.string(), reason_of(error_number),
              error_number);
}

void fail_errno(std::string operation, const std::filesystem::path& path) {
  fail_errno(std::move(operation), path, errno);
}

}  // namespace base
}  // namespace faasnap
