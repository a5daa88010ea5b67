// SPDX-License-Identifier: Apache-2.0

#include "function/scratch_directory.h"

#include <stdlib.h>

#include <string>
#include <system_error>

#include "base/error.h"

namespace faasnap::function {

ScratchDirectory::ScratchDirectory(const std::filesystem::path& parent) {
  std::string name = (parent / ".faasnap-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    base::fail_errno("make temporary directory", parent);
  }
  path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;  // what cannot be removed stays, and its name says what it is
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace faasnap::function
