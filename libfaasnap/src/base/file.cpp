#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace faasnap::base {

UniqueFd open_file(const std::filesystem::path& path, int flags, unsigned mode) {
  UniqueFd fd(retry_eintr([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); }));
  if (!fd) {
    fail_errno((flags & O_CREAT) != 0 ? "create" : "open", path);
  }
  return fd;
}

UniqueFd open_regular(const std::filesystem::path& path) {
  // O_NONBLOCK: a FIFO in the file's place must not hang the caller.
  UniqueFd fd = open_file(path, O_RDONLY | O_NONBLOCK);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    fail_errno("stat", path);
  }
  if (!S_ISREG(status.st_mode)) {
    fail(ErrorKind::invalid_argument, "open", path, "expected a regular file");
  }
  return fd;
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

void sync_directory(const std::filesystem::path& path) {
  const UniqueFd fd = open_file(path, O_RDONLY | O_DIRECTORY);
  if (::fsync(fd.get()) != 0) {
    fail_errno("fsync", path);
  }
}

}  // namespace faasnap::base
