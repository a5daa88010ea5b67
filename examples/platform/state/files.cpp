// SPDX-License-Identifier: Apache-2.0

#include "state/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace platform {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), path.string());
}

class File {
 public:
  File(const fs::path& path, int flags) : path_(path), file_(::open(path.c_str(), flags, 0600)) {
    if (file_ < 0) {
      fail(path);
    }
  }
  ~File() { ::close(file_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(std::string_view content) {
    while (!content.empty()) {
      const ssize_t written = ::write(file_, content.data(), content.size());
      if (written < 0 && errno != EINTR) {
        fail(path_);
      }
      content.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
  }

  void sync() {
    if (::fsync(file_) != 0) {
      fail(path_);
    }
  }

 private:
  const fs::path path_;
  const int file_;
};

void sync_directory(const fs::path& directory) {
  File(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC).sync();
}

}  // namespace

void write_durably(const fs::path& file, std::string_view content) {
  // Writers of one file exclude each other by their own locks; a file that a crash has left behind
  // is overwritten.
  const fs::path pending = file.string() + ".new";
  {
    File target(pending, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
    target.write(content);
    target.sync();
  }
  fs::rename(pending, file);
  sync_directory(file.parent_path());
}

bool remove_durably(const fs::path& file) {
  if (!fs::remove(file)) {
    return false;
  }
  sync_directory(file.parent_path());
  return true;
}

void exchange_durably(const fs::path& one, const fs::path& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) != 0) {
    fail(other);
  }
  sync_directory(other.parent_path());
}

std::string read_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    fail(file);
  }
  std::ostringstream content;
  content << stream.rdbuf();
  return std::move(content).str();
}

std::string read_secret(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 &&
      (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0)) {
    throw std::runtime_error(fmt::format(
        "{}: expected a regular file that is its owner's alone (mode 0600)", file.string()));
  }
  return read_file(file);
}

DirectoryLock::DirectoryLock(const fs::path& directory)
    : file_(::open((directory / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (file_ < 0) {
    fail(directory / "lock");
  }
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(file_);
    throw std::runtime_error(directory.string() + ": in use by another platform");
  }
}

DirectoryLock::~DirectoryLock() { ::close(file_); }

}  // namespace platform
