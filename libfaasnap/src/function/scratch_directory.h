// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

#include "base/files/fd.h"

namespace faasnap::function {

// A new directory `.faasnap-XXXXXX` below another, which the destructor removes with everything in
// it. While the object exists, it is claimed (base/files/claim.h). Throws what mkdtemp(3) and
// open(2) fail with.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::filesystem::path& parent);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  base::UniqueFd claim_;
};

}  // namespace faasnap::function
