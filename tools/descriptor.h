// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <utility>

namespace faasnap::tools {

// Owns a file descriptor; a negative value means none.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

// Opens `path` with the flags of open(2), close-on-exec. Throws std::system_error with the path.
Descriptor open_file(const std::filesystem::path& path, int flags);

}  // namespace faasnap::tools
