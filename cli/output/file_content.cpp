// SPDX-License-Identifier: Apache-2.0

#include "output/file_content.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <faasnap/object_store.h>

#include "tools/descriptor.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

[[noreturn]] void fail_read(const std::string& file, int error_number) {
  throw tools::Failure(fmt::format("{}: cannot be read: {}", file, std::strerror(error_number)));
}

[[noreturn]] void fail_large(const std::string& file) {
  throw tools::Failure(fmt::format("{}: larger than 512 MiB, the maximum size of an object", file));
}

}  // namespace

FileContent::FileContent(const std::string& file) {
  if (file == "-") {
    read_all(STDIN_FILENO, "standard input");
    return;
  }
  const tools::Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0) {
    fail_read(file, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    read_all(fd.get(), file);
    return;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > ObjectStore::kMaximumValue.value) {
    fail_large(file);
  }
  if (size == 0) {
    return;
  }
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) {
    fail_read(file, errno);
  }
  bytes_ = {static_cast<const std::byte*>(address), size};
  mapped_ = true;
}

FileContent::~FileContent() {
  if (mapped_) {
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

void FileContent::read_all(int fd, const std::string& file) {
  static constexpr std::size_t kPiece = 1 << 20;
  for (;;) {
    const std::size_t before = read_.size();
    read_.resize(before + kPiece);
    const ssize_t got = ::read(fd, read_.data() + before, kPiece);
    if (got < 0 && errno != EINTR) {
      fail_read(file, errno);
    }
    read_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) {
      bytes_ = read_;
      return;
    }
    if (read_.size() > ObjectStore::kMaximumValue.value) {
      fail_large(file);
    }
  }
}

}  // namespace faasnap::cli
