// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace platform {

// Replaces the file as a whole: after a crash it has the old content or the new one, and after the
// return the new one. Throws std::system_error that names the file.
void write_durably(const std::filesystem::path& file, std::string_view content);

// Removes the file for good. Returns false if there is none.
bool remove_durably(const std::filesystem::path& file);

// Exchanges two files or directories of one directory at once (RENAME_EXCHANGE) and for good.
// Throws std::system_error that names the second one.
void exchange_durably(const std::filesystem::path& one, const std::filesystem::path& other);

// Throws std::system_error that names the file.
std::string read_file(const std::filesystem::path& file);

// As read_file, for what nobody else may know. Throws std::runtime_error unless the file is a
// regular one of mode 0600 or less.
std::string read_secret(const std::filesystem::path& file);

// Holds a directory for one process (flock(2)) until it is destroyed.
class DirectoryLock {
 public:
  // Throws std::runtime_error if another process holds the directory.
  explicit DirectoryLock(const std::filesystem::path& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int file_;
};

}  // namespace platform
