// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/working_set.h>

#include "base/bytes.h"
#include "base/files/fd.h"
#include "format/image_content.h"
#include "format/manifest.h"
#include "format/memory_image.h"
#include "format/page_set_file.h"
#include "format/signature_file.h"
#include "format/snapshot_directory.h"
#include "format/state_file.h"
#include "memory/image_map.h"
#include "paging/plan/planner.h"
#include "snapshot/content_check.h"
#include "snapshot/image_identity.h"

namespace faasnap {

// How a snapshot is opened.
struct SnapshotOpening {
  // Opens the nth base of a snapshot, which `layer`, the snapshot in `directory`, names.
  using OpenBase = std::function<std::shared_ptr<const OpenedSnapshot>(
      const SnapshotInfo& layer, const std::filesystem::path& directory, unsigned n)>;

  // What every part that is read is held against, before anything is made of it; null if nothing.
  std::shared_ptr<const ContentCheck> check{};
  // If empty, bases are looked for beside the snapshot.
  OpenBase open_base{};
  // 0 for a snapshot that is opened by itself, n for the nth base of one. Of a base only manifest,
  // state and image are opened, and its signature.
  unsigned n = 0;
};

// The content of a Snapshot: its open files, and what was read from them and checked. Immutable,
// safe to use from any thread. Owns the descriptors, which are open for reading only; code that
// maps or reads them later must keep the object alive or duplicate them.
class OpenedSnapshot {
 public:
  using Opening = SnapshotOpening;
  using OpenBase = Opening::OpenBase;
  // Looks for bases as Snapshot::open does.
  static OpenBase bases_in(std::span<const std::filesystem::path> directories);

  // Opens and checks `directory` as Snapshot::open does.
  explicit OpenedSnapshot(const std::filesystem::path& directory, Opening opening = {});

  // In the order of format::kSnapshotFiles; closed for a missing file.
  using Files = std::array<base::UniqueFd, format::kSnapshotFiles.size()>;
  // Opens the files of a directory, for Opening::n.
  static Files open_files(const std::filesystem::path& directory, unsigned n = 0);
  static const base::UniqueFd& fd_in(const Files& files, std::string_view file) noexcept;
  // Do the same with files that are open already, some of them for direct reads, too; `directory`
  // is for messages.
  static std::shared_ptr<const OpenedSnapshot> make(const std::filesystem::path& directory,
                                                    Files files, Files direct, Opening opening);
  static Snapshot of_files(const std::filesystem::path& directory, Files files, Files direct,
                           Opening opening = {});

  // Opens what has been written into `directory`, then commits it: a snapshot that could not be
  // opened never gets its name.
  static Snapshot commit(format::NewSnapshotDirectory& directory, Opening opening = {});
  // The same for a snapshot whose base is `base`, null if it is whole.
  static Snapshot commit_over(format::NewSnapshotDirectory& directory,
                              std::shared_ptr<const OpenedSnapshot> base);

  // Returns the absolute path.
  const std::filesystem::path& directory() const noexcept { return directory_; }
  const format::Manifest& manifest() const noexcept { return manifest_; }
  const SnapshotInfo& info() const noexcept { return manifest_.info; }
  // Returns what a layer over this snapshot names.
  BaseIdentity identity() const { return {info().id, manifest_.state.checksum}; }
  static std::shared_ptr<const OpenedSnapshot> shared(const Snapshot& snapshot) noexcept {
    return snapshot.opened_;
  }
  static Snapshot of(std::shared_ptr<const OpenedSnapshot> opened) noexcept {
    return Snapshot(std::move(opened));
  }
  // Returns null if the snapshot is whole.
  const std::shared_ptr<const OpenedSnapshot>& base() const noexcept { return base_; }
  // Returns the snapshot and its bases, in order.
  std::vector<const OpenedSnapshot*> layers() const;
  // Returns null if there is none.
  const std::shared_ptr<const ContentCheck>& content_check() const noexcept { return check_; }
  // Returns the identity of an image as the file that is open as `file`. Throws as
  // ImageCheck::require_same does. Where there is a ContentCheck, it must have the content that
  // this one knows; it is read whole, once, unless the manifest's lines of the host are as known
  // and recognise the file.
  FileIdentity require_same(const format::ImageFile& image, const base::UniqueFd& file,
                            const std::filesystem::path& path) const;
  // Return the path, for messages, and the descriptor of one of the snapshot's files
  // (format::kMemoryFile and so on). The descriptor is closed (-1) if the snapshot has no such
  // file.
  std::filesystem::path path_of(std::string_view file) const { return directory_ / file; }
  const base::UniqueFd& fd_of(std::string_view file) const noexcept;
  const Files& files() const noexcept { return files_; }
  // Returns the file opened for reads that bypass the page cache, closed where it is not.
  const base::UniqueFd& direct_fd_of(std::string_view file) const noexcept;

  // Returns every section of the state file, including the image's table.
  std::span<const format::Section> sections() const noexcept { return sections_; }
  // Throws as format::require_section does.
  const format::Section& section(std::string_view name, std::uint32_t version) const;
  const format::ImageTable& image_table() const noexcept { return image_; }
  // Returns which layer has which pages, and the pages that any has.
  const memory::ImageMap& image_map() const noexcept { return map_; }
  const memory::PageSet& nonzero() const noexcept { return nonzero_; }
  // Returns the pages that come from a base.
  memory::PageSet based() const { return nonzero_.minus(map_.pages_of(0)); }
  // Returns the content of the image, to be used while the snapshot is open.
  format::ImageContent image() const;

  // Returns what the file `disks` has, null if there is none.
  const format::ImageTable* disks() const noexcept { return disks_ ? &*disks_ : nullptr; }

  // Each returns null if the snapshot has no such set.
  const format::PageSetTable* loading_set() const noexcept { return if_any(loading_set_); }
  const format::PageSetTable* reap_set() const noexcept { return if_any(reap_set_); }
  const format::PageSetTable* stream_set() const noexcept { return if_any(stream_set_); }
  // Returns that of the stream set; `none` if there is none.
  Compression compression() const noexcept;

  std::optional<WorkingSet> working_set(Recorder recorder) const;
  RestorePlan plan(Setting setting, bool prepared) const;
  // Returns the plan that notes touches of pages that `setting` does not load
  // (RestoreOptions::record_accesses). `record` is not none.
  RestorePlan recording_plan(Setting setting, AccessRecording record, bool prepared) const;
  // Returns what the file `signature` says, or nothing if there is none.
  std::optional<format::SignatureContent> signature() const;
  // Throws ErrorKind::corrupt if a file has been written to since it was opened and checked. Takes
  // a system call for each file.
  void require_unchanged() const;
  // Verifies everything, and returns the manifest with the identities of the images as they are
  // now.
  format::Manifest verify(const Progress& progress) const;
  std::uint64_t drop_caches() const;
  std::uint64_t cached_pages() const;

 private:
  static const format::PageSetTable* if_any(
      const std::optional<format::PageSetTable>& table) noexcept {
    return table ? &*table : nullptr;
  }

  OpenedSnapshot(std::filesystem::path directory, Files files, Files direct, Opening opening);
  // Holds a part against the ContentCheck, if there is one.
  void check(std::string_view part, std::string_view file, std::span<const std::byte> bytes) const;
  // Calls `read` with what takes the bytes of a part to do so; empty if there is no ContentCheck.
  void check_while(std::string_view part, const std::filesystem::path& file,
                   const std::function<void(const base::TakeBytes&)>& read) const;
  // Each reads one file through its descriptor and checks it, also against the manifest.
  // The manifest comes with whether the ContentCheck knows its lines of the host.
  std::pair<format::Manifest, bool> read_manifest() const;
  // Returns what a plan needs to know of each layer; nothing for a snapshot that is whole.
  std::vector<paging::ImageLayer> image_layers() const;
  bool bases_are_cached() const;
  void check_optional_files() const;
  std::shared_ptr<const OpenedSnapshot> open_base(const Opening& opening) const;
  // Returns which layer has which pages.
  memory::ImageMap lay_out() const;
  // Verifies what a base has.
  void verify_image(const Progress& progress) const;
  std::vector<format::Section> read_state() const;
  format::ImageTable read_image_table() const;
  std::optional<format::ImageTable> read_disks() const;
  std::vector<std::byte> read_working_set(std::string_view file,
                                          const format::FileRecord& expected) const;
  std::optional<format::PageSetTable> read_loading_set() const;
  std::optional<format::PageSetTable> read_reap_set() const;
  std::optional<format::PageSetTable> read_stream_set() const;
  std::optional<format::PageSetTable> read_table(
      std::string_view file, const std::optional<format::FileRecord>& expected) const;
  void check_record(std::string_view file, const format::FileRecord& expected, Bytes size,
                    std::uint32_t checksum) const;
  // Calls `use(path, descriptor)` for every existing file.
  template <typename Use>
  void for_each_file(Use use) const;

  std::filesystem::path directory_;
  Files files_;
  Files direct_;
  std::array<FileStamp, format::kSnapshotFiles.size()> stamps_;
  format::Manifest manifest_;
  std::shared_ptr<const ContentCheck> check_;
  // True if the ContentCheck knows the manifest's lines of the host.
  bool knows_host_ = false;
  ImageCheck image_check_;
  std::vector<format::Section> sections_;
  format::ImageTable image_;
  std::shared_ptr<const OpenedSnapshot> base_;
  memory::ImageMap map_;
  memory::PageSet nonzero_;
  std::optional<format::ImageTable> disks_;
  std::optional<format::PageSetTable> loading_set_;
  std::optional<format::PageSetTable> reap_set_;
  std::optional<format::PageSetTable> stream_set_;
};

}  // namespace faasnap
