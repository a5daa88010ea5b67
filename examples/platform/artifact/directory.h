// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>

namespace platform::artifact {

// The directory that holds whatever clients name by a path. Throws RequestError that names the
// member which the path came in.
class Directory {
 public:
  // Makes the directory.
  explicit Directory(const std::filesystem::path& path);

  // Returns the path of a file that may be there or not, in a directory that is there, links
  // resolved. Throws unless it lies below this directory.
  std::filesystem::path confine(const char* member, const std::string& path) const;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

// Removes what is at a path that Directory has returned, to make room for a snapshot: a snapshot or
// a file. Throws if it is anything else.
void make_room(const char* member, const std::filesystem::path& path);

// Copies the files of a snapshot as a new directory that shares nothing with the original, holes
// included, and that is on the disk when the call returns. Throws std::system_error, and leaves
// nothing.
void copy_snapshot(const std::filesystem::path& from, const std::filesystem::path& to);

// Reads the files of a snapshot into the page cache.
void read_through(const std::filesystem::path& snapshot);

}  // namespace platform::artifact
