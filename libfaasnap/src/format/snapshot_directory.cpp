// SPDX-License-Identifier: Apache-2.0

#include "format/snapshot_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/files/claim.h"
#include "base/files/file.h"
#include "base/files/path.h"
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
  const auto absolute = base::absolute_path(path).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

[[noreturn]] void fail_existing(const std::filesystem::path& target) {
  base::fail(ErrorKind::already_exists, kCreating, target, "already exists");
}

constexpr std::string_view kPartial = ".partial-";
constexpr std::size_t kPartialDigits = 8;

std::filesystem::path partial_name(const std::filesystem::path& target) {
  auto partial = target;
  partial += fmt::format("{}{:08x}", kPartial, base::random_value<std::uint32_t>());
  return partial;
}

bool rename_exclusively(const std::filesystem::path& from, const std::filesystem::path& to) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0;
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

std::string name_of(const std::filesystem::directory_entry& entry) {
  return entry.path().filename().string();
}

bool is_snapshot_file(const std::filesystem::directory_entry& entry) {
  std::error_code error;
  return std::filesystem::is_regular_file(entry.symlink_status(error)) &&
         std::ranges::find(kSnapshotFiles, name_of(entry)) != kSnapshotFiles.end();
}

bool has_file(const std::vector<std::filesystem::directory_entry>& entries, std::string_view name) {
  return std::ranges::any_of(entries, [&](const auto& entry) {
    return name_of(entry) == name && is_snapshot_file(entry);
  });
}

std::vector<std::string> foreign_names_of(
    const std::vector<std::filesystem::directory_entry>& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries) {
    if (!is_snapshot_file(entry)) {
      names.push_back(name_of(entry));
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

NewSnapshotDirectory::NewSnapshotDirectory(const std::filesystem::path& target)
    : target_(normalised(target)) {
  struct stat status {};
  if (::lstat(target_.c_str(), &status) == 0) {
    fail_existing(target_);
  }
  // Opened now: once the snapshot has its name, nothing but the disk may fail.
  parent_ =
      base::UniqueFd(::open(target_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent_) {
    base::fail_errno(kCreating, target_);
  }
  try {
    make_partial();
    choose_rename();
  } catch (const Error&) {
    ::rmdir(partial_.c_str());
    throw;
  }
}

void NewSnapshotDirectory::make_partial() {
  for (;;) {
    partial_ = partial_name(target_);
    if (::mkdir(partial_.c_str(), 0700) == 0) {
      claim_ = base::open_file(partial_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (base::claim(claim_, partial_)) {
        return;
      }
    } else if (errno != EEXIST) {
      base::fail_errno(kCreating, target_);
    }
  }
}

void NewSnapshotDirectory::choose_rename() {
  std::filesystem::path other;
  do {
    other = partial_name(target_);
    renames_exclusively_ = rename_exclusively(partial_, other);
  } while (!renames_exclusively_ && errno == EEXIST);
  if (!renames_exclusively_) {
    while (::mkdir(other.c_str(), 0700) != 0) {
      if (errno != EEXIST) {
        base::fail_errno(kCreating, target_);
      }
      other = partial_name(target_);
    }
    if (::rename(partial_.c_str(), other.c_str()) != 0) {
      const int error = errno;
      ::rmdir(other.c_str());
      base::fail_errno(kCreating, target_, error);
    }
  }
  partial_ = other;
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
  rename_to_target();
  if (::fsync(parent_.get()) != 0) {
    const int error = errno;
    // A disk that has failed may refuse this as well. What has the name then is whole.
    committed_ = ::rename(target_.c_str(), partial_.c_str()) != 0;
    base::fail_errno("fsync", target_.parent_path(), error);
  }
  committed_ = true;
}

void NewSnapshotDirectory::rename_to_target() {
  if (renames_exclusively_) {
    if (!rename_exclusively(partial_, target_)) {
      errno == EEXIST ? fail_existing(target_) : base::fail_errno(kCreating, target_);
    }
    return;
  }
  if (::mkdir(target_.c_str(), 0700) != 0) {
    errno == EEXIST ? fail_existing(target_) : base::fail_errno(kCreating, target_);
  }
  if (::rename(partial_.c_str(), target_.c_str()) != 0) {
    const int error = errno;
    ::rmdir(target_.c_str());
    error == ENOTEMPTY ? fail_existing(target_) : base::fail_errno(kCreating, target_, error);
  }
}

bool is_partial_name(std::string_view name) noexcept {
  const auto at = name.rfind(kPartial);
  return at != std::string_view::npos && at != 0 &&
         name.size() == at + kPartial.size() + kPartialDigits &&
         name.find_first_not_of("0123456789abcdef", at + kPartial.size()) == std::string_view::npos;
}

void check_snapshot_directory(const std::filesystem::path& directory) {
  const auto entries = entries_of(directory, kOpening);
  // Names of files can be listed by who may not open them.
  if (::faccessat(AT_FDCWD, directory.c_str(), X_OK, AT_EACCESS) != 0) {
    base::fail_errno(kOpening, directory);
  }
  for (const std::string_view required : {kManifestFile, kStateFile, kMemoryFile}) {
    if (!has_file(entries, required)) {
      base::fail(ErrorKind::corrupt, kOpening, directory,
                 fmt::format("the file '{}' is missing", required));
    }
  }
}

std::vector<std::string> foreign_names(const std::filesystem::path& directory) {
  return foreign_names_of(entries_of(directory, kOpening));
}

std::vector<std::string> remove_snapshot_directory(const std::filesystem::path& directory) {
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
  if (const auto foreign = foreign_names_of(entries);
      !foreign.empty() && !has_file(entries, kManifestFile)) {
    base::fail(ErrorKind::invalid_argument, kRemoving, directory / foreign.front(),
               "is not a file of a snapshot, and the directory has no manifest");
  }
  // The manifest is removed first: without it, the rest after an interruption is not a snapshot.
  for (const std::string_view name : kSnapshotFiles) {
    if (has_file(entries, name) && ::unlink((directory / name).c_str()) != 0 && errno != ENOENT) {
      base::fail_errno(kRemoving, directory / name);
    }
  }
  if (::rmdir(directory.c_str()) == 0) {
    return {};
  }
  if (errno != ENOTEMPTY && errno != EEXIST) {
    base::fail_errno(kRemoving, directory);
  }
  // Looked at again: on NFS a file that somebody has open stays, under another name.
  return foreign_names_of(entries_of(directory, kRemoving));
}

}  // namespace faasnap::format
