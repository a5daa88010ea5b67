// SPDX-License-Identifier: Apache-2.0

#include "format/snapshot_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/files/file.h"
#include "base/random.h"

namespace faasnap::format {
namespace {

constexpr const char* kCreating = "create snapshot";
constexpr const char* kOpening = "open snapshot";
constexpr const char* kRemoving = "remove snapshot";

// Returns an absolute path without a slash at the end, so that parent and name can be told apart.
std::filesystem::path normalised(const std::filesystem::path& path) {
  if (path.empty()) {
    base::fail(ErrorKind::invalid_argument, kCreating, path, "the path is empty");
  }
  const auto absolute = std::filesystem::absolute(path).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

[[noreturn]] void fail_existing(const std::filesystem::path& target) {
  base::fail(ErrorKind::already_exists, kCreating, target, "already exists");
}

std::filesystem::path make_partial(const std::filesystem::path& target) {
  for (;;) {
    auto partial = target;
    partial += fmt::format(".partial-{:08x}", base::random_value<std::uint32_t>());
    if (::mkdir(partial.c_str(), 0777) == 0) {
      return partial;
    }
    if (errno != EEXIST) {
      base::fail_errno(kCreating, target);
    }
  }
}

std::vector<std::filesystem::directory_entry> entries_of(const std::filesystem::path& directory,
                                                         const char* operation) {
  std::error_code error;
  std::vector<std::filesystem::directory_entry> entries;
  // increment(error) makes the iterator equal to the end when it fails.
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.push_back(*entry);
  }
  if (error) {
    base::fail_errno(operation, directory, error.value());
  }
  return entries;
}

// True if link(2) failed because this file cannot be linked there: another file system, no support
// for links, too many links, not the owner, the file has no name, or no /proc.
bool is_no_link(int error) {
  return error == EXDEV || error == EPERM || error == EMLINK || error == ENOENT ||
         error == EOPNOTSUPP || error == EACCES;
}

bool is_snapshot_file(const std::filesystem::directory_entry& entry) {
  const auto status = entry.symlink_status();
  return std::filesystem::is_regular_file(status) &&
         std::ranges::find(kSnapshotFiles, entry.path().filename().string()) !=
             kSnapshotFiles.end();
}

}  // namespace

NewSnapshotDirectory::NewSnapshotDirectory(const std::filesystem::path& target)
    : target_(normalised(target)) {
  struct stat status {};
  if (::lstat(target_.c_str(), &status) == 0) {
    fail_existing(target_);
  }
  partial_ = make_partial(target_);
}

NewSnapshotDirectory::~NewSnapshotDirectory() {
  if (!committed_) {
    std::error_code ignored;
    std::filesystem::remove_all(partial_, ignored);
  }
}

base::UniqueFd NewSnapshotDirectory::create(std::string_view name) const {
  return base::open_file(path_of(name), O_RDWR | O_CREAT | O_EXCL);
}

void NewSnapshotDirectory::share(std::string_view name, const base::UniqueFd& source,
                                 const std::filesystem::path& source_path) const {
  const auto target = path_of(name);
  // Linked by descriptor: the file that has that name now may be another one.
  const auto open_file = fmt::format("/proc/self/fd/{}", source.get());
  if (::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return;
  }
  if (!is_no_link(errno)) {
    base::fail_errno("link", target);
  }
  base::copy_sparse(source, source_path, create(name), target);
}

void NewSnapshotDirectory::commit() {
  for (const auto& entry : entries_of(partial_, kCreating)) {
    const base::UniqueFd fd = base::open_file(entry.path(), O_RDONLY);
    if (::fsync(fd.get()) != 0) {
      base::fail_errno("fsync", entry.path());
    }
  }
  base::sync_directory(partial_);
  if (::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) {
      fail_existing(target_);
    }
    base::fail_errno(kCreating, target_);
  }
  committed_ = true;
  base::sync_directory(target_.parent_path());
}

void check_snapshot_directory(const std::filesystem::path& directory) {
  const auto entries = entries_of(directory, kOpening);
  for (const auto& entry : entries) {
    if (!is_snapshot_file(entry)) {
      base::fail(ErrorKind::corrupt, kOpening, entry.path(),
                 fmt::format("is not a file of a snapshot, expected only {}",
                             fmt::join(kSnapshotFiles, ", ")));
    }
  }
  for (const std::string_view required : {kManifestFile, kStateFile, kMemoryFile}) {
    if (std::ranges::none_of(entries, [&](const auto& entry) {
          return entry.path().filename().string() == required;
        })) {
      base::fail(ErrorKind::corrupt, kOpening, directory,
                 fmt::format("the file '{}' is missing", required));
    }
  }
}

void remove_snapshot_directory(const std::filesystem::path& directory) {
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) {
    base::fail_errno(kRemoving, directory);
  }
  if (!S_ISDIR(status.st_mode)) {
    base::fail(ErrorKind::invalid_argument, kRemoving, directory, "is not a directory");
  }
  const auto entries = entries_of(directory, kRemoving);
  if (entries.empty()) {
    base::fail(ErrorKind::invalid_argument, kRemoving, directory, "does not hold a snapshot");
  }
  for (const auto& entry : entries) {
    if (!is_snapshot_file(entry)) {
      base::fail(ErrorKind::invalid_argument, kRemoving, entry.path(),
                 "is not a file of a snapshot");
    }
  }
  // The manifest is removed first: without it, the rest after an interruption is not a snapshot.
  for (const std::string_view name : kSnapshotFiles) {
    if (::unlink((directory / name).c_str()) != 0 && errno != ENOENT) {
      base::fail_errno(kRemoving, directory / name);
    }
  }
  if (::rmdir(directory.c_str()) != 0) {
    base::fail_errno(kRemoving, directory);
  }
}

}  // namespace faasnap::format
