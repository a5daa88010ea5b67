// SPDX-License-Identifier: Apache-2.0

#include "image/image_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "image/byte_source.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestImageName = 64;
constexpr std::uint64_t kLargestManifest = 1 << 20;
constexpr const char* kManifest = "image.json";
// Directories of images that are being made, and of those that are being removed.
constexpr std::string_view kNewPrefix = ".new-";

[[noreturn]] void fail_on(const fs::path& path, std::string_view what, int error_number) {
  throw tools::Failure(fmt::format("{}: {}: {}", path.string(), what, std::strerror(error_number)));
}

void sync(const fs::path& path, int flags) {
  const tools::Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) {
    fail_on(path, "cannot be written", errno);
  }
}

// Returns a lock on the directory, or none if another process has it.
tools::Descriptor try_lock(const fs::path& directory) {
  tools::Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return fd.get() >= 0 && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(fd)
                                                                    : tools::Descriptor();
}

void remove_leftovers(const fs::path& store) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(store, error)) {
    if (entry.path().filename().string().starts_with(kNewPrefix) &&
        try_lock(entry.path()).get() >= 0) {
      fs::remove_all(entry.path(), error);
    }
  }
}

fs::path make_hidden(const fs::path& store) {
  std::string path = store / fmt::format("{}XXXXXX", kNewPrefix);
  if (::mkdtemp(path.data()) == nullptr) {
    fail_on(store, "no image can be made there", errno);
  }
  return path;
}

// Exchanges two directories, so that the destructor removes the old image. Where the file system
// cannot do that at once (NFS), the name is missing for a moment.
void exchange(const fs::path& made, const fs::path& target) {
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    return;
  }
  const fs::path old = made.string() + "-old";
  if (::rename(target.c_str(), old.c_str()) != 0 || ::rename(made.c_str(), target.c_str()) != 0 ||
      ::rename(old.c_str(), made.c_str()) != 0) {
    fail_on(target, "cannot be replaced", errno);
  }
}

}  // namespace

void ImageStore::check_name(const std::string& name) {
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() || name.size() > kLongestImageName || !std::ranges::all_of(name, is_part) ||
      std::string_view("._-").find(name[0]) != std::string_view::npos) {
    throw tools::UsageError(
        fmt::format("'{}' is not a name of an image: expected up to {} letters, digits, '.', '_' "
                    "and '-', a letter or digit first",
                    name, kLongestImageName));
  }
}

bool ImageStore::has(const std::string& name) const { return fs::is_directory(directory_ / name); }

fs::path ImageStore::find(const std::string& name) const {
  check_name(name);
  if (!has(name)) {
    const auto others = names();
    throw tools::Failure(
        fmt::format("{}: image '{}' not found; there {}", directory_.string(), name,
                    others.empty() ? "are none (faasnap image make)"
                                   : "are: " + fmt::to_string(fmt::join(others, ", "))));
  }
  return directory_ / name;
}

std::vector<std::string> ImageStore::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.') && fs::is_regular_file(entry.path() / kManifest)) {
      names.push_back(name);
    }
  }
  std::ranges::sort(names);
  return names;
}

tools::Json ImageStore::manifest(const std::string& name) const {
  const fs::path path = find(name) / kManifest;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) {
    fail_on(path, "cannot be read", error.value());
  }
  auto manifest = tools::parse_json(read_all(HostFile(path, size), kLargestManifest, path));
  if (!manifest || !manifest->is_object() || manifest->value("format", tools::Json()) != 1) {
    throw tools::Failure(fmt::format("{}: is not the manifest of an image", path.string()));
  }
  return std::move(*manifest);
}

void ImageStore::remove(const std::string& name) const {
  const fs::path image = find(name);
  const fs::path hidden = make_hidden(directory_);
  const tools::Descriptor lock = try_lock(hidden);
  if (::rename(image.c_str(), (hidden / name).c_str()) != 0) {
    const int error_number = errno;
    ::rmdir(hidden.c_str());
    fail_on(image, "cannot be removed", error_number);
  }
  fs::remove_all(hidden);
}

NewImage::NewImage(const ImageStore& store) : store_(store) {
  std::error_code error;
  fs::create_directories(store.directory(), error);
  if (error) {
    fail_on(store.directory(), "cannot be made", error.value());
  }
  remove_leftovers(store.directory());
  path_ = make_hidden(store.directory());
  lock_ = try_lock(path_);
}

NewImage::~NewImage() {
  std::error_code error;
  fs::remove_all(path_, error);
}

void NewImage::commit(const std::string& name, bool replace) {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::chmod(path_.c_str(), 0777 & ~mask) != 0) {
    fail_on(path_, "cannot be written", errno);
  }
  for (const auto& entry : fs::directory_iterator(path_)) {
    sync(entry.path(), 0);
  }
  sync(path_, O_DIRECTORY);
  const fs::path target = store_.directory() / name;
  // A directory does not replace one that has files.
  if (::rename(path_.c_str(), target.c_str()) != 0) {
    if (errno != ENOTEMPTY && errno != EEXIST) {
      fail_on(target, "cannot be made", errno);
    }
    if (!replace) {
      throw tools::Failure(fmt::format("image '{}' already exists; --force replaces it", name));
    }
    exchange(path_, target);
  }
  sync(store_.directory(), O_DIRECTORY);
}

}  // namespace faasnap::cli
