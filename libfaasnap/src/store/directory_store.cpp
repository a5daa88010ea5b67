// SPDX-License-Identifier: Apache-2.0

#include <faasnap/directory_store.h>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/files/fd.h"
#include "base/files/file.h"
#include "base/files/pending_file.h"
#include "base/progress.h"
#include "store/glob.h"
#include "store/object_path.h"

namespace faasnap {
namespace {

// Maximum number of bytes of a value that are read or written at once.
constexpr std::uint64_t kReadPiece = 64 << 10;
constexpr std::uint64_t kWritePiece = 8 << 20;

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

DirectoryStore::DirectoryStore(std::filesystem::path directory) : directory_(std::move(directory)) {
  base::make_directories(directory_);
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
  std::vector<std::byte> buffer(std::min(size.value, kReadPiece));
  for (Bytes done; done < size;) {
    const auto piece =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), (size - done).value));
    base::read_exact(file, piece, done.value, path);
    sink(piece, size);
    done += Bytes{piece.size()};
  }
  return true;
}

void DirectoryStore::set(std::string_view key, std::span<const std::byte> value,
                         const Progress& progress, const std::stop_token& /*stop*/) {
  const auto target = path_of(key);
  check_value(value);
  base::make_directories(target.parent_path());
  // The pending file's name starts with '.', as the file of no key does.
  base::PendingFile pending(directory_);
  const Bytes total{value.size()};
  for (Bytes done; done < total;) {
    const std::uint64_t length = std::min(kWritePiece, (total - done).value);
    base::write_exact(pending.fd(), value.subspan(done.value, length), done.value, pending.path());
    done += Bytes{length};
    base::report_progress(progress, done, total, "store object", pending.path());
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
