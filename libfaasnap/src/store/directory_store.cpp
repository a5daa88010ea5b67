// SPDX-License-Identifier: Apache-2.0

#include <faasnap/directory_store.h>

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/files/fd.h"
#include "base/files/file.h"
#include "base/files/pending_file.h"
#include "store/glob.h"
#include "store/object_path.h"

namespace faasnap {
namespace {

// Maximum number of bytes of a value that are read or written at once.
constexpr std::uint64_t kPiece = 64 << 10;

// The directory of values that are being written. No object has this name, since it starts with
// '.'.
constexpr const char* kPending = ".new";
// A writer whose file has not changed for so long is gone.
constexpr auto kAbandoned = std::chrono::hours(1);

// What cannot be removed is left to somebody who may.
void remove_abandoned(const std::filesystem::path& directory) {
  const auto now = std::filesystem::file_time_type::clock::now();
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    const auto written = entry->last_write_time(gone);
    if (!gone && now - written > kAbandoned) {
      std::filesystem::remove(entry->path(), gone);
    }
  }
}

// Checks that `size` more bytes leave `keep` of the file system.
void check_room(const base::UniqueFd& fd, Bytes size, Bytes keep,
                const std::filesystem::path& path) {
  struct statvfs status {};
  if (::fstatvfs(fd.get(), &status) != 0) {
    base::fail_errno("query free space", path);
  }
  const std::uint64_t free = status.f_bavail * status.f_frsize;
  if (free < keep.value || free - keep.value < size.value) {
    base::fail(ErrorKind::no_space, "store object", path,
               fmt::format("value of {} bytes would leave less than {} of {} free bytes",
                           size.value, keep.value, free));
  }
}

// An open file keeps its content when another value takes its place. Returns no descriptor if there
// is no such file.
base::UniqueFd open_object(const std::filesystem::path& path) {
  try {
    return base::open_regular(path);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) {
      return {};
    }
    throw;
  }
}

}  // namespace

DirectoryStore::DirectoryStore(std::filesystem::path directory, Bytes keep_free)
    : directory_(std::move(directory)), keep_free_(keep_free) {
  base::make_directories(directory_);
  remove_abandoned(directory_ / kPending);
}

std::filesystem::path DirectoryStore::path_of(std::string_view key) const {
  check_key(key);
  return directory_ / store::object_path(key);
}

bool DirectoryStore::read(std::string_view key, const ValueSink& sink,
                          const std::stop_token& /*stop*/) const {
  const auto path = path_of(key);
  const base::UniqueFd file = open_object(path);
  if (!file) {
    return false;
  }
  const Bytes size = base::file_size(file, path);
  if (size > kMaximumValue) {
    base::fail(
        ErrorKind::corrupt, "read object", path,
        fmt::format("file of {} bytes, expected at most {}", size.value, kMaximumValue.value));
  }
  std::vector<std::byte> buffer(std::min(size.value, kPiece));
  for (Bytes done; done < size;) {
    const auto piece =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), (size - done).value));
    base::read_exact(file, piece, done.value, path);
    sink(piece, size);
    done += Bytes{piece.size()};
  }
  return true;
}

void DirectoryStore::write(std::string_view key, Bytes size, const ValueSource& source,
                           const std::stop_token& /*stop*/) {
  const auto target = path_of(key);
  check_size(size);
  base::make_directories(target.parent_path());
  base::make_directories(directory_ / kPending);
  base::PendingFile pending(directory_ / kPending);
  check_room(pending.fd(), size, keep_free_, pending.path());
  std::vector<std::byte> buffer(std::min(size.value, kPiece));
  for (Bytes done; done < size;) {
    const auto piece =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), (size - done).value));
    source(piece);
    base::write_exact(pending.fd(), piece, done.value, pending.path());
    done += Bytes{piece.size()};
  }
  pending.publish(target);
}

bool DirectoryStore::remove(std::string_view key, const std::stop_token& /*stop*/) {
  const auto target = path_of(key);
  if (::unlink(target.c_str()) == 0) {
    return true;
  }
  if (errno == ENOENT) {
    return false;
  }
  base::fail_errno("remove object", target);
}

std::optional<Bytes> DirectoryStore::size(std::string_view key,
                                          const std::stop_token& /*stop*/) const {
  const auto target = path_of(key);
  std::error_code error;
  const auto size = std::filesystem::file_size(target, error);
  if (!error) {
    return Bytes{size};
  }
  if (error == std::errc::no_such_file_or_directory) {
    return std::nullopt;
  }
  base::fail_errno("stat object", target, error.value());
}

std::vector<ObjectInfo> DirectoryStore::list(std::string_view pattern,
                                             const std::stop_token& /*stop*/) const {
  std::vector<ObjectInfo> objects;
  std::error_code error;
  // increment(error) makes the iterator equal to the end when it fails.
  for (std::filesystem::recursive_directory_iterator entry(directory_, error), end;
       !error && entry != end; entry.increment(error)) {
    std::error_code gone;  // another process may remove a file that has just been listed
    const auto key = store::object_key(entry->path().lexically_relative(directory_));
    if (!key || !entry->is_regular_file(gone) || !store::matches_glob(pattern, *key)) {
      continue;
    }
    if (const auto bytes = size(*key)) {
      objects.push_back({*key, *bytes});
    }
  }
  if (error) {
    base::fail_errno("list objects", directory_, error.value());
  }
  std::ranges::sort(objects, {}, &ObjectInfo::key);
  return objects;
}

}  // namespace faasnap
