#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/working_set.h>

#include "base/fd.h"
#include "format/loading_set_file.h"
#include "format/manifest.h"
#include "format/memory_image.h"
#include "format/state_file.h"

namespace faasnap {

// An opened snapshot, as the glue in api/ sees it. Immutable, safe from any thread. The descriptors
// are open for reading only and stay this object's; whoever maps or reads through them later keeps
// the object alive, or duplicates them.
class Snapshot::Impl {
 public:
  // As Snapshot::open.
  explicit Impl(const std::filesystem::path& directory);

  // Absolute.
  const std::filesystem::path& directory() const noexcept { return directory_; }
  const SnapshotInfo& info() const noexcept { return manifest_.info; }
  // Path of one of the snapshot's files (format::kMemoryFile and so on), for messages.
  std::filesystem::path path_of(std::string_view file) const { return directory_ / file; }

  // Every section of the state file, the image's table among them.
  std::span<const format::Section> sections() const noexcept { return sections_; }
  // As format::require_section.
  const format::Section& section(std::string_view name, std::uint32_t version) const;

  const base::UniqueFd& memory_fd() const noexcept { return memory_file_; }
  const format::ImageTable& image_table() const noexcept { return image_; }

  // Null when the snapshot has none.
  const format::LoadingSetTable* loading_set() const noexcept {
    return loading_set_ ? &*loading_set_ : nullptr;
  }
  // Closed (-1) when the snapshot has none.
  const base::UniqueFd& loading_set_fd() const noexcept { return loading_set_file_; }

  std::optional<WorkingSet> working_set() const;
  RestorePlan plan(Setting setting) const;
  void verify(const Progress& progress) const;
  std::uint64_t drop_caches() const;
  std::uint64_t cached_pages() const;

 private:
  // Each reads one file through its descriptor and checks it, against the manifest as well.
  format::Manifest read_manifest() const;
  std::vector<format::Section> read_state() const;
  format::ImageTable read_image_table() const;
  std::vector<std::byte> read_working_set() const;
  format::LoadingSetTable read_loading_set() const;
  void check_record(std::string_view file, const format::FileRecord& expected, Bytes size,
                    std::uint32_t checksum) const;
  // Opens a file and has what opening needs of it read ahead: its end for the image, otherwise all
  // or the beginning of it.
  base::UniqueFd open_ahead(std::string_view file) const;
  // The same for a file that a snapshot need not have.
  base::UniqueFd open_if_there(std::string_view file) const;
  void expect_file(std::string_view file, bool found, bool expected) const;
  // Calls `use(name, descriptor)` for every file there is.
  template <typename Use>
  void for_each_file(Use use) const;

  std::filesystem::path directory_;
  base::UniqueFd manifest_file_;
  format::Manifest manifest_;
  base::UniqueFd state_file_;
  base::UniqueFd memory_file_;
  base::UniqueFd working_set_file_;
  base::UniqueFd loading_set_file_;
  std::vector<format::Section> sections_;
  format::ImageTable image_;
  std::optional<format::LoadingSetTable> loading_set_;
};

}  // namespace faasnap
