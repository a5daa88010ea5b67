// SPDX-License-Identifier: Apache-2.0

#include "function/scratch_directory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <system_error>

#include "base/error.h"
#include "base/files/claim.h"
#include "base/files/file.h"
#include "format/snapshot_directory.h"

namespace faasnap::function {

ScratchDirectory::ScratchDirectory(const std::filesystem::path& parent) {
  bool claimed = false;
  while (!claimed) {
    std::string name = (parent / (std::string(format::kScratchPrefix) + "XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr) {
      base::fail_errno("make temporary directory", parent);
    }
    path_ = name;
    try {
      claim_ = base::open_file(path_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      claimed = base::claim(claim_, path_);
    } catch (const Error&) {
      ::rmdir(name.c_str());
      throw;
    }
  }
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;  // what cannot be removed stays, and its name says what it is
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace faasnap::function
