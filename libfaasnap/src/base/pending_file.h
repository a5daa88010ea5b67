#pragma once

#include <filesystem>

#include "base/fd.h"

namespace faasnap::base {

// A new file that takes the place of another by being renamed, or is removed. It lies in
// `directory` as .new-ID, on the target's file system, so that nobody sees a part of it.
class PendingFile {
 public:
  explicit PendingFile(const std::filesystem::path& directory);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  const base::UniqueFd& fd() const noexcept { return fd_; }
  const std::filesystem::path& path() const noexcept { return path_; }

  // Not fsynced: after a crash of the host the target may be as before, or missing.
  void publish(const std::filesystem::path& target);
  // Fsynced, and the target's directory too.
  void publish_durably(const std::filesystem::path& target);

 private:
  std::filesystem::path path_;
  base::UniqueFd fd_;
};

}  // namespace faasnap::base
