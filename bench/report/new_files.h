#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace faasnap::bench::report {

// Files that are replaced together: all of them or, when one cannot be written, none. Each is
// written beside its target first. A target that is not a file, such as a pipe, is written to as it
// is.
class NewFiles {
 public:
  NewFiles() = default;
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;
  // Removes what was not committed.
  ~NewFiles();

  // Each throws tools::Failure that names the file.
  // Makes the directory, unless it exists; its parent must.
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
