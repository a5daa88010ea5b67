// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace faasnap::cli {

// A file's content, mapped if possible. Throws Failure if the file cannot be read or is larger than
// a value may be.
class FileContent {
 public:
  // "-" means the standard input.
  explicit FileContent(const std::string& file);
  ~FileContent();
  FileContent(const FileContent&) = delete;
  FileContent& operator=(const FileContent&) = delete;
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  void read_all(int fd, const std::string& file);

  std::span<const std::byte> bytes_;
  bool mapped_ = false;
  std::vector<std::byte> read_;
};

}  // namespace faasnap::cli
