// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include <faasnap/snapshot.h>

#include "base/error.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFindingImage = "find image";

// Both paths are canonical.
bool lies_below(const fs::path& file, const fs::path& directory) {
  return std::ranges::mismatch(directory, file).in1 == directory.end();
}

}  // namespace

fs::path find_image(const FileIdentity& image, std::span<const fs::path> directories) {
  std::error_code error;
  const fs::path file = fs::canonical(image.path, error);
  if (error) {
    base::fail_errno(kFindingImage, image.path, error.value());
  }
  std::vector<std::string> names;
  for (const fs::path& directory : directories) {
    const fs::path canonical = fs::canonical(directory, error);
    if (!error && lies_below(file, canonical)) {
      return file;
    }
    names.push_back(directory.string());
  }
  base::fail(
      ErrorKind::permission, kFindingImage, image.path,
      fmt::format("the snapshot names this file, which lies below none of the directories "
                  "that images may be in ({}); allow its directory, or name the image "
                  "itself (faasnap invoke: --allow-images DIR, --root-image FILE)",
                  names.empty() ? "none is given" : fmt::format("{}", fmt::join(names, ", "))));
}

}  // namespace faasnap
