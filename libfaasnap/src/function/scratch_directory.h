// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

namespace faasnap::function {

// A new directory `.faasnap-XXXXXX` below another, which the destructor removes with everything in
// it. Throws what mkdtemp(3) fails with.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::filesystem::path& parent);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace faasnap::function
