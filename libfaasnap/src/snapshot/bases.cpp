// SPDX-License-Identifier: Apache-2.0

#include "snapshot/bases.h"

#include <faasnap/snapshot.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/files/file.h"
#include "base/files/path.h"
#include "format/manifest.h"
#include "snapshot/opened_snapshot.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFindingBase = "find base of snapshot";

// Returns nothing if there is no manifest in the directory. Throws if it cannot be read.
std::optional<format::Manifest> manifest_in(const fs::path& directory) {
  const fs::path file = directory / format::kManifestFile;
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(file, error))) {
    return std::nullopt;
  }
  const auto bytes = base::read_file(file, format::kMaximumManifest);
  return format::decode_manifest({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file);
}

// Returns the directories in `directory`, sorted; none if it cannot be read.
std::vector<fs::path> directories_in(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (std::error_code unknown; entry->is_directory(unknown)) {
      found.push_back(entry->path());
    }
  }
  std::ranges::sort(found);
  return found;
}

// Looks for one snapshot, and remembers what looked like it.
class Search {
 public:
  explicit Search(const BaseIdentity& base) : base_(base) {}

  // True if the directory holds it.
  bool matches(const fs::path& directory) {
    try {
      const auto manifest = manifest_in(directory);
      if (!manifest || manifest->info.id != base_.id) {
        return false;
      }
      if (manifest->state.checksum == base_.checksum) {
        return true;
      }
      note(fmt::format("{} has this id, but its checksum is {:08x}, expected {:08x}",
                       directory.string(), manifest->state.checksum, base_.checksum));
    } catch (const Error& error) {
      note(error.what());
    }
    return false;
  }

  const std::string& notes() const { return notes_; }

 private:
  void note(const std::string& what) { notes_ += "; " + what; }

  const BaseIdentity& base_;
  std::string notes_;
};

}  // namespace

fs::path find_base(const BaseIdentity& base, const fs::path& layer,
                   std::span<const fs::path> directories) {
  std::vector<fs::path> places(directories.begin(), directories.end());
  places.push_back(base::absolute_path(layer).lexically_normal().parent_path());
  Search search(base);
  // A directory with the name of the id is looked at first, and saves the search.
  for (const fs::path& place : places) {
    for (const fs::path& directory : {place, place / base.id}) {
      if (search.matches(directory)) {
        return directory;
      }
    }
  }
  for (const fs::path& place : places) {
    for (const fs::path& directory : directories_in(place)) {
      if (search.matches(directory)) {
        return directory;
      }
    }
  }
  std::vector<std::string> names;
  for (const fs::path& place : places) {
    names.push_back(place.string());
  }
  base::fail(ErrorKind::not_found, kFindingBase, layer,
             fmt::format("the base {} is in none of the directories {}{}", base.id,
                         fmt::join(names, ", "), search.notes()));
}

std::vector<fs::path> find_layers(const Snapshot& base, std::span<const fs::path> directories) {
  const BaseIdentity identity = opened(base).identity();
  std::vector<fs::path> layers;
  for (const fs::path& place : directories) {
    for (const fs::path& directory : directories_in(place)) {
      try {
        if (const auto manifest = manifest_in(directory);
            manifest && manifest->info.base == identity) {
          layers.push_back(directory);
        }
      } catch (const Error&) {
        // What cannot be read is no snapshot that could be restored.
      }
    }
  }
  return layers;
}

}  // namespace faasnap
