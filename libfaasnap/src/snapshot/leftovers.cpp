// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string_view>
#include <system_error>

#include <faasnap/snapshot_leftovers.h>

#include "base/error.h"
#include "base/files/claim.h"
#include "base/files/pending_file.h"
#include "format/snapshot_directory.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFindingLeftovers = "find leftovers";
constexpr const char* kRemovingLeftovers = "remove leftovers";

enum class Kind { none, directory, file };

Kind kind_of(const fs::directory_entry& entry) {
  std::error_code error;
  const auto type = entry.symlink_status(error).type();
  const std::string name = entry.path().filename().string();
  if (type == fs::file_type::directory) {
    return format::is_partial_name(name) || name.starts_with(format::kScratchPrefix)
               ? Kind::directory
               : Kind::none;
  }
  return type == fs::file_type::regular && name.starts_with(base::kPendingPrefix) ? Kind::file
                                                                                  : Kind::none;
}

void for_each_entry(const fs::path& directory,
                    const std::function<void(const fs::directory_entry&)>& visit) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    visit(*entry);
  }
  if (error) {
    base::fail_errno(kFindingLeftovers, directory, error.value());
  }
}

Bytes disk_size(const fs::path& path) {
  struct stat status {};
  std::uint64_t blocks = ::lstat(path.c_str(), &status) == 0 ? status.st_blocks : 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    blocks += ::lstat(entry->path().c_str(), &status) == 0 ? status.st_blocks : 0;
  }
  return {blocks * 512};
}

// Calls `use` with everything that is abandoned, which nobody can claim meanwhile.
void for_each_leftover(const fs::path& directory, const std::function<void(const Leftover&)>& use) {
  const auto visit = [&](const fs::directory_entry& entry) {
    const Kind kind = kind_of(entry);
    if (kind == Kind::none) {
      return;
    }
    const int flags = kind == Kind::directory ? O_RDONLY | O_DIRECTORY : O_RDWR | O_NONBLOCK;
    // What this user cannot open is not for this user to remove.
    const base::UniqueFd fd(::open(entry.path().c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (fd && base::is_abandoned(fd, entry.path()) && ::fstat(fd.get(), &status) == 0) {
      use({entry.path(), disk_size(entry.path()),
           std::chrono::seconds(status.st_mtim.tv_sec) + Nanoseconds(status.st_mtim.tv_nsec)});
    }
  };
  for_each_entry(directory, [&](const fs::directory_entry& entry) {
    visit(entry);
    std::error_code error;
    if (kind_of(entry) == Kind::none && fs::is_directory(entry.symlink_status(error)) &&
        ::access(entry.path().c_str(), R_OK | X_OK) == 0) {
      for_each_entry(entry.path(), [&](const fs::directory_entry& inner) {
        if (kind_of(inner) == Kind::file) {
          visit(inner);
        }
      });
    }
  });
}

std::vector<Leftover> sorted(std::vector<Leftover> leftovers) {
  std::ranges::sort(leftovers, {}, &Leftover::path);
  return leftovers;
}

}  // namespace

std::vector<Leftover> find_leftovers(const fs::path& directory) {
  std::vector<Leftover> found;
  for_each_leftover(directory, [&](const Leftover& leftover) { found.push_back(leftover); });
  return sorted(std::move(found));
}

std::vector<Leftover> remove_leftovers(const fs::path& directory) {
  std::vector<Leftover> removed;
  for_each_leftover(directory, [&](const Leftover& leftover) {
    std::error_code error;
    fs::remove_all(leftover.path, error);
    if (error) {
      base::fail_errno(kRemovingLeftovers, leftover.path, error.value());
    }
    removed.push_back(leftover);
  });
  return sorted(std::move(removed));
}

}  // namespace faasnap
