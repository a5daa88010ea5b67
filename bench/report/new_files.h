// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace faasnap::bench::report {

// Files that are replaced together: all of them, or none if one cannot be written. Each is first
// written beside its target. A target that is not a file, such as a pipe, is written directly.
class NewFiles {
 public:
  NewFiles() = default;
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;
  // Removes what was not committed.
  ~NewFiles();

  // Both throw tools::Failure with the file's name. Creates the directory unless it exists; its
  // parent must exist.
  void add_directory(const std::filesystem::path& directory);
  void add(const std::filesystem::path& target, const std::string& content);
  void commit();

 private:
  std::filesystem::path made_directory_;
  std::vector<std::filesystem::path> targets_;
  // Targets that are not files, with their content.
  std::vector<std::pair<std::filesystem::path, std::string>> streams_;
};

}  // namespace faasnap::bench::report
