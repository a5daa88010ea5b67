// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

#include "base/files/fd.h"

namespace faasnap::base {

inline constexpr const char* kPendingPrefix = ".new-";

// A new file that replaces another when it is renamed, or is removed. It is named .new-ID in
// `directory`, on the target's file system, so that nobody sees an incomplete file at the target.
// While the object exists, the file is claimed (base/files/claim.h).
class PendingFile {
 public:
  explicit PendingFile(const std::filesystem::path& directory);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  const base::UniqueFd& fd() const noexcept { return fd_; }
  const std::filesystem::path& path() const noexcept { return path_; }

  // Does not call fsync: after a crash of the host the target may be the old file, or missing.
  void publish(const std::filesystem::path& target);
  // Calls fsync for the file and the target's directory.
  void publish_durably(const std::filesystem::path& target);

 private:
  // Claims the file, or removes it and throws.
  bool claimed() const;

  std::filesystem::path path_;
  base::UniqueFd fd_;
};

}  // namespace faasnap::base
