#include "output/scratch_directory.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "failure.h"

namespace faasnap::cli {

ScratchDirectory::ScratchDirectory(const std::filesystem::path& parent) {
  std::string name = (parent / ".faasnap-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw Failure(fmt::format("{}: cannot create a directory in it: {}", parent.string(),
                              std::strerror(errno)));
  }
  path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
  // a file that cannot be removed stays; the directory's name identifies it
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace faasnap::cli
