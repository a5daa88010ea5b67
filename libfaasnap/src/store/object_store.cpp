#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include <faasnap/object_store.h>

#include "base/error.h"
#include "base/file.h"
#include "base/pending_file.h"
#include "base/progress.h"
#include "store/glob.h"
#include "store/object_file.h"
#include "store/object_path.h"

namespace faasnap {
namespace {

void write_value(const base::PendingFile& file, std::span<const std::byte> value,
                 const Progress& progress) {
  static constexpr std::uint64_t kPiece = 8 << 20;
  const Bytes total{value.size()};
  for (Bytes done; done < total;) {
    const std::uint64_t length = std::min(kPiece, (total - done).value);
    base::write_exact(file.fd(), value.subspan(done.value, length), done.value, file.path());
    done += Bytes{length};
    base::report_progress(progress, done, total, "store object", file.path());
  }
}

void make_directories(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    base::fail_errno("create directory", path, error.value());
  }
}

}  // namespace

ObjectStore::ObjectStore(std::filesystem::path directory) : directory_(std::move(directory)) {
  make_directories(directory_);
}

std::optional<std::vector<std::byte>> ObjectStore::get(std::string_view key) const {
  try {
    return base::read_file(directory_ / store::object_path(key), kMaximumValue);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) {
      return std::nullopt;
    }
    throw;
  }
}

bool ObjectStore::read(std::string_view key, const ValueSink& sink) const {
  const auto file = store::ObjectFile::open(*this, key);
  if (!file) {
    return false;
  }
  file->read(sink);
  return true;
}

void ObjectStore::set(std::string_view key, std::span<const std::byte> value,
                      const Progress& progress) {
  const auto target = directory_ / store::object_path(key);
  if (value.size() > kMaximumValue.value) {
    base::fail(
        ErrorKind::invalid_argument, "store object", target,
        fmt::format("value of {} bytes, expected at most {}", value.size(), kMaximumValue.value));
  }
  make_directories(target.parent_path());
  // No key's file begins with '.'. Not durable: the store holds inputs that can be made again and
  // outputs of functions that can be run again.
  base::PendingFile pending(directory_);
  write_value(pending, value, progress);
  pending.publish(target);
}

bool ObjectStore::remove(std::string_view key) {
  const auto target = directory_ / store::object_path(key);
  if (::unlink(target.c_str()) == 0) {
    return true;
  }
  if (errno == ENOENT) {
    return false;
  }
  base::fail_errno("remove object", target);
}

std::optional<Bytes> ObjectStore::size(std::string_view key) const {
  const auto target = directory_ / store::object_path(key);
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

std::vector<ObjectInfo> ObjectStore::list(std::string_view pattern) const {
  std::vector<ObjectInfo> objects;
  std::error_code error;
  // increment(error) makes the iterator equal to the end when it fails.
  for (std::filesystem::recursive_directory_iterator entry(directory_, error), end;
       !error && entry != end; entry.increment(error)) {
    std::error_code gone;  // another process may remove what has just been listed
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
