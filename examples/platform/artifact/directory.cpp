// SPDX-License-Identifier: Apache-2.0

#include "artifact/directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include <faasnap/error.h>
#include <faasnap/snapshot.h>

#include "base/error.h"

namespace platform::artifact {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 1 << 20;

// A descriptor that closes itself.
class File {
 public:
  File(const fs::path& path, int flags) : path_(path), fd_(::open(path.c_str(), flags, 0600)) {
    check(fd_ >= 0);
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const noexcept { return fd_; }
  void check(bool good) const {
    if (!good) {
      throw std::system_error(errno, std::generic_category(), path_.string());
    }
  }

 private:
  const fs::path path_;
  const int fd_;
};

// Returns how many bytes were read; 0 at the end.
std::size_t read_piece(const File& file, std::vector<char>& piece, std::size_t most, off_t offset) {
  ssize_t got = 0;
  do {
    got = ::pread(file.fd(), piece.data(), std::min(piece.size(), most), offset);
  } while (got < 0 && errno == EINTR);
  file.check(got >= 0);
  return static_cast<std::size_t>(got);
}

void write_piece(const File& file, const std::vector<char>& piece, std::size_t size, off_t offset) {
  for (std::size_t done = 0; done < size;) {
    const ssize_t put =
        ::pwrite(file.fd(), piece.data() + done, size - done, offset + static_cast<off_t>(done));
    file.check(put > 0 || (put < 0 && errno == EINTR));
    done += static_cast<std::size_t>(std::max<ssize_t>(put, 0));
  }
}

std::vector<fs::path> files_of(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (fs::is_regular_file(entry.symlink_status())) {
      files.push_back(entry.path());
    }
  }
  return files;
}

void copy_sparsely(const fs::path& from, const fs::path& to) {
  const File source(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  const File target(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
  struct stat status {};
  source.check(::fstat(source.fd(), &status) == 0);
  target.check(::ftruncate(target.fd(), status.st_size) == 0);
  std::vector<char> piece(kPiece);
  for (off_t at = 0; at < status.st_size;) {
    const off_t data = ::lseek(source.fd(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) {
      break;  // a hole up to the end
    }
    source.check(data >= 0);
    const off_t end = ::lseek(source.fd(), data, SEEK_HOLE);
    source.check(end > data);
    for (at = data; at < end;) {
      const std::size_t got = read_piece(source, piece, static_cast<std::size_t>(end - at), at);
      if (got == 0) {
        throw std::system_error(EIO, std::generic_category(), from.string());
      }
      write_piece(target, piece, got, at);
      at += static_cast<off_t>(got);
    }
  }
  target.check(::fsync(target.fd()) == 0);
}

void sync_directory(const fs::path& path) {
  const File directory(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  directory.check(::fsync(directory.fd()) == 0);
}

}  // namespace

Directory::Directory(const fs::path& path) {
  fs::create_directories(path);
  path_ = fs::canonical(path);
}

fs::path Directory::confine(const char* member, const std::string& path) const {
  const fs::path given(path);
  const auto refuse = [&](const char* reason) {
    throw RequestError(Refusal::invalid,
                       fmt::format("{} '{:.200}': {}, expected an absolute path below {}", member,
                                   path, reason, path_.string()));
  };
  const std::string name = given.filename();
  if (path.size() > 4000 || path.find('\0') != std::string::npos || !given.is_absolute() ||
      name.empty() || name == "." || name == "..") {
    refuse("not the path of a file");
  }
  std::error_code error;
  const fs::path parent = fs::canonical(given.parent_path(), error);
  if (error) {
    refuse(error == std::errc::no_such_file_or_directory ? "its directory does not exist"
                                                         : "its directory cannot be read");
  }
  const auto [own, place] = std::ranges::mismatch(path_, parent);
  if (own != path_.end()) {
    refuse("outside");
  }
  return parent / name;
}

void make_room(const char* member, const fs::path& path) {
  const auto status = fs::symlink_status(path);
  if (!fs::exists(status)) {
    return;
  }
  if (!fs::is_directory(status)) {
    fs::remove(path);
    return;
  }
  const auto refuse = [&](const std::string& reason) {
    throw RequestError(Refusal::invalid, fmt::format("{} '{}': {}, expected a snapshot or nothing",
                                                     member, path.string(), reason));
  };
  try {
    if (const auto left = faasnap::Snapshot::remove(path); !left.empty()) {
      refuse(fmt::format("there is a file '{}'", left.front()));
    }
  } catch (const faasnap::Error& error) {
    refuse(error.what());
  }
}

void copy_snapshot(const fs::path& from, const fs::path& to) {
  fs::create_directory(to);
  try {
    for (const fs::path& file : files_of(from)) {
      copy_sparsely(file, to / file.filename());
    }
    sync_directory(to);
    sync_directory(to.parent_path());
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(to, ignored);
    throw;
  }
}

void read_through(const fs::path& snapshot) {
  std::vector<char> piece(kPiece);
  for (const fs::path& path : files_of(snapshot)) {
    const File file(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    off_t at = 0;
    while (const std::size_t got = read_piece(file, piece, piece.size(), at)) {
      at += static_cast<off_t>(got);
    }
  }
}

}  // namespace platform::artifact
