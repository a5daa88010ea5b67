// SPDX-License-Identifier: Apache-2.0

#include "base/files/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/progress.h"

namespace faasnap::base {
namespace {

constexpr std::uint64_t kBufferSize = 1 << 20;

// Returns where data (SEEK_DATA) or a hole (SEEK_HOLE) begins at or after `offset`, or `end` if
// that is beyond `end`.
std::uint64_t seek(const UniqueFd& fd, const std::filesystem::path& path, std::uint64_t offset,
                   int what, std::uint64_t end) {
  const off_t found = ::lseek(fd.get(), static_cast<off_t>(offset), what);
  if (found < 0) {
    if (errno == ENXIO) {
      return end;
    }
    fail_errno("seek", path);
  }
  return std::min(static_cast<std::uint64_t>(found), end);
}

}  // namespace

UniqueFd open_file(const std::filesystem::path& path, int flags) {
  UniqueFd fd(retry_eintr([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); }));
  if (!fd) {
    fail_errno((flags & O_CREAT) != 0 ? "create" : "open", path);
  }
  return fd;
}

UniqueFd open_regular(const std::filesystem::path& path, int flags) {
  // O_NONBLOCK: a FIFO in place of the file must not block the caller.
  UniqueFd fd = open_file(path, O_RDONLY | O_NONBLOCK | flags);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    fail_errno("stat", path);
  }
  if (!S_ISREG(status.st_mode)) {
    fail(ErrorKind::invalid_argument, "open", path, "expected a regular file");
  }
  return fd;
}

OpenFile open_if_named(const std::filesystem::path& path) {
  return {path.empty() ? UniqueFd() : open_regular(path), path};
}

Bytes file_size(const UniqueFd& fd, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    fail_errno("stat", path);
  }
  return {static_cast<std::uint64_t>(status.st_size)};
}

void read_exact(const UniqueFd& fd, std::span<std::byte> out, std::uint64_t offset,
                const std::filesystem::path& path) {
  const std::uint64_t wanted_end = offset + out.size();
  while (!out.empty()) {
    const ssize_t got = retry_eintr(
        [&] { return ::pread(fd.get(), out.data(), out.size(), static_cast<off_t>(offset)); });
    if (got < 0) {
      fail_errno("read", path);
    }
    if (got == 0) {
      fail(ErrorKind::corrupt, "read", path,
           fmt::format("file ends at byte {}, expected at least {}", offset, wanted_end));
    }
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

void read_ahead(const UniqueFd& fd, std::uint64_t offset, Bytes size,
                const std::filesystem::path& path) {
  const int error = ::posix_fadvise(fd.get(), static_cast<off_t>(offset),
                                    static_cast<off_t>(size.value), POSIX_FADV_WILLNEED);
  if (error != 0) {
    fail_errno("read ahead", path, error);
  }
}

void write_exact(const UniqueFd& fd, std::span<const std::byte> data, std::uint64_t offset,
                 const std::filesystem::path& path) {
  while (!data.empty()) {
    const ssize_t put = retry_eintr(
        [&] { return ::pwrite(fd.get(), data.data(), data.size(), static_cast<off_t>(offset)); });
    if (put < 0) {
      fail_errno("write", path);
    }
    data = data.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
}

std::vector<std::byte> read_file(const std::filesystem::path& path, Bytes limit) {
  return read_file(open_regular(path), path, limit);
}

std::vector<std::byte> read_file(const UniqueFd& fd, const std::filesystem::path& path,
                                 Bytes limit) {
  const Bytes size = file_size(fd, path);
  if (size > limit) {
    fail(ErrorKind::corrupt, "read", path,
         fmt::format("file has {} bytes, expected at most {}", size.value, limit.value));
  }
  std::vector<std::byte> content(size.value);
  read_exact(fd, content, 0, path);
  return content;
}

void write_new_file(const std::filesystem::path& path, std::span<const std::byte> data) {
  const UniqueFd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  try {
    write_exact(fd, data, 0, path);
    if (::fsync(fd.get()) != 0) {
      fail_errno("fsync", path);
    }
  } catch (const Error&) {
    ::unlink(path.c_str());
    throw;
  }
}

UniqueFd make_unnamed_file(const std::filesystem::path& directory, Bytes size) {
  static constexpr const char* kMaking = "create file in";
  UniqueFd fd(
      retry_eintr([&] { return ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); }));
  // Not every file system has files without names.
  if (!fd && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    std::string name = (directory / ".faasnap-XXXXXX").string();
    fd = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
    if (fd && ::unlink(name.c_str()) != 0) {
      fail_errno("unlink", name);
    }
  }
  if (!fd) {
    fail_errno(kMaking, directory);
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(size.value)) != 0) {
    fail_errno(kMaking, directory);
  }
  return fd;
}

void make_directories(const std::filesystem::path& path) {
  const auto make = [&] { return ::mkdir(path.c_str(), 0700) == 0; };
  std::error_code error;
  if (path.empty() || std::filesystem::is_directory(path, error) || make()) {
    return;
  }
  if (errno == ENOENT && path.has_parent_path()) {
    make_directories(path.parent_path());
    if (make()) {
      return;
    }
  }
  const int failure = errno;
  // Another process may have made it meanwhile.
  if (!std::filesystem::is_directory(path, error)) {
    fail_errno("create directory", path, failure);
  }
}

void sync_directory(const std::filesystem::path& path) {
  const UniqueFd fd = open_file(path, O_RDONLY | O_DIRECTORY);
  if (::fsync(fd.get()) != 0) {
    fail_errno("fsync", path);
  }
}

void copy_sparse(const UniqueFd& source, const std::filesystem::path& source_path,
                 const UniqueFd& target, const std::filesystem::path& target_path,
                 const Progress& progress) {
  const std::uint64_t size = file_size(source, source_path).value;
  const auto report = [&](std::uint64_t done) {
    report_progress(progress, {done}, {size}, "copy", source_path);
  };
  if (::ioctl(target.get(), FICLONE, source.get()) == 0) {
    return report(size);
  }
  if (::ftruncate(target.get(), static_cast<off_t>(size)) != 0) {
    fail_errno("truncate", target_path);
  }
  std::vector<std::byte> buffer(std::min(size, kBufferSize));
  for (std::uint64_t at = 0; (at = seek(source, source_path, at, SEEK_DATA, size)) < size;) {
    const std::uint64_t data_end = seek(source, source_path, at, SEEK_HOLE, size);
    while (at < data_end) {
      const std::span piece(buffer.data(), std::min<std::uint64_t>(buffer.size(), data_end - at));
      read_exact(source, piece, at, source_path);
      write_exact(target, piece, at, target_path);
      at += piece.size();
      report(at);
    }
  }
}

}  // namespace faasnap::base
