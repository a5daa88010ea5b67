// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/compression.h>
#include <faasnap/export.h>
#include <faasnap/progress.h>
#include <faasnap/restore_plan.h>
#include <faasnap/snapshot_info.h>
#include <faasnap/units.h>
#include <faasnap/working_set.h>

namespace faasnap {

class Snapshot;

// The optional parts of a snapshot.
struct SnapshotOptions {
  // ---- What changes the performance of later restores.

  // A recording of a guest with as much memory, or null; need not outlive the call. A recording by
  // userfaultfd gives the REAP set and the stream set. The loading set is made from the recording
  // by mincore, or from that by userfaultfd if there is no other. Each set costs a copy of the
  // recorded pages on disk. Restore refuses a setting whose set is missing.
  const WorkingSet* working_set = nullptr;
  // Larger gaps make the loading set larger and its reads fewer.
  LoadingSetThresholds thresholds{};
  // How the stream set is stored. Compressed it takes about half the room and the reading, and a
  // processor's time to load: it suits network volumes and remote stores, not local disks. If not
  // set, as in the snapshot that this one is derived from, otherwise not compressed.
  std::optional<Compression> compression{};
  // The snapshot that the new one is a layer over, or null; need not outlive the call. The new one
  // keeps only the pages that differ from those at the same addresses of the base, and names the
  // base, which must be there whenever it is opened. Must have as much guest memory.
  const Snapshot* base = nullptr;

  // ---- What changes nothing but the manifest.

  // Free-form labels, for example {"function", "json"}. Keys consist of [a-z0-9_.-], values have no
  // line breaks.
  std::map<std::string, std::string> labels{};
  // Called while the image and each set is written, with the bytes of that file; returning false
  // ends the call with ErrorKind::cancelled, and leaves no snapshot.
  Progress progress{};
};

// Returns the canonical path of an image that a snapshot names (SnapshotInfo::kernel, `initramfs`,
// `root_image`), if the file lies below one of `directories`, links resolved; "/" allows every
// file. Throws ErrorKind::permission if it does not, and ErrorKind::not_found. Whoever made the
// snapshot chose the name: use it for nothing that a guest gets to see before asking this.
FAASNAP_EXPORT std::filesystem::path find_image(const FileIdentity& image,
                                                std::span<const std::filesystem::path> directories);

// A layer of a snapshot, and what it has of the image.
struct SnapshotLayer {
  std::string id{};
  std::filesystem::path directory{};
  // Pages that it stores itself, and those of them that are the snapshot's.
  std::uint64_t stored_pages = 0;
  std::uint64_t shown_pages = 0;
};

// How the content of a set's pages is stored.
struct StoredSet {
  Compression compression = Compression::none;
  // The bytes of the pages, and of the file that has them, without its table.
  Bytes content{};
  Bytes stored{};
};

class OpenedSnapshot;

// An opened snapshot on disk: manifest, state and tables are read and checked, memory is not.
// Immutable, cheap to copy, safe to use from any thread. Holds its files open, so that it stays
// usable after the directory is removed.
class FAASNAP_EXPORT Snapshot {
 public:
  // Checks versions, lengths and checksums of everything but the memory image's content. Throws
  // ErrorKind::corrupt or ErrorKind::version for a defect, with the file, the section and what was
  // expected.
  //
  // The base of a layer is looked for by its id: each of `bases` may be the directory of a snapshot
  // or hold such directories; those beside `directory` are looked at last. So are the bases of a
  // base, and each is opened and checked as well. Throws ErrorKind::not_found if one is missing,
  // with the places that were looked at, and ErrorKind::corrupt for one of another memory size.
  static Snapshot open(const std::filesystem::path& directory,
                       std::span<const std::filesystem::path> bases = {});
  // Writes a snapshot of `memory` alone as the new directory `path`, whole or not at all: an image
  // without a machine, which RestoredMemory restores and VM refuses. `memory` is page-aligned and
  // must not change during the call.
  static Snapshot create(const std::filesystem::path& path, std::span<const std::byte> memory,
                         const SnapshotOptions& options = {});
  // Writes this snapshot anew as the directory `path`. `options.working_set` is added, or replaces
  // this snapshot's recording by the same recorder; the files made from recordings are made anew
  // with `options.thresholds` and `options.compression`; labels are added. State, image, base, id
  // and time of creation stay the same; the files are shared by hard links if the file system
  // allows it, otherwise copied. Throws ErrorKind::invalid_argument if a recording by userfaultfd
  // belongs to another snapshot, and for `options.base`.
  Snapshot derive(const std::filesystem::path& path, const SnapshotOptions& options) const;
  // Writes this snapshot anew as the directory `path`: as a layer over `base`, or, if that is null,
  // as a whole one. Nothing else changes, the id and the content of guest memory included. Throws
  // ErrorKind::invalid_argument for a base of another memory size, or with the same id.
  Snapshot rebase(const std::filesystem::path& path, const Snapshot* base,
                  const Progress& progress = {}) const;

  // Verifies the snapshot in `directory` as verify does, and replaces its manifest by one of the
  // newest format version, or of its own from version 3 on if it is signed, which takes the images
  // as they are now: copies and files that were written to are the same again if their content is.
  // Versions from 2 on can be read. Throws what verify throws, and changes nothing then. `bases` as
  // in open.
  static Snapshot upgrade(const std::filesystem::path& directory, const Progress& progress = {},
                          std::span<const std::filesystem::path> bases = {});

  // Removes a snapshot: its files, and the directory unless anything else is in it. Returns the
  // names of what is left there. Throws ErrorKind::invalid_argument, and removes nothing, if the
  // directory holds no snapshot; what an interrupted removal has left counts as one. Does not ask
  // whether others have it as their base (find_layers).
  static std::vector<std::string> remove(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const noexcept;
  const SnapshotInfo& info() const noexcept;
  // Returns the base, or nothing if this snapshot is whole. Of a base only manifest, state and
  // image are open: it has no recordings and sets, and VM refuses it.
  std::optional<Snapshot> base() const;
  // Returns the snapshot itself and its bases, in order; one layer if it is whole.
  std::vector<SnapshotLayer> layers() const;
  // Returns the id of the key that the snapshot's signature names, or nothing if it has none. What
  // checks the signature is open_signed (faasnap/snapshot_signature.h).
  std::optional<std::string> signing_key() const;
  // Returns the names in its directory that are not files of a snapshot, sorted: they are ignored.
  std::vector<std::string> foreign_names() const;

  // Reads every byte of every file, of the kernel and root image that the snapshot names, and of
  // the image of each base, and compares checksums. Throws ErrorKind::corrupt if they differ.
  void verify(const Progress& progress = {}) const;

  // Returns the restore plan for `setting`. If `prepared` is true, the plan of Setting::faasnap
  // also allocates the recorded zero pages and copies the pages that the recorded invocation wrote,
  // ahead of the request (VM::prepare); otherwise it is the published FaaSnap design. That of
  // Setting::stream then maps what bases have of the recorded pages, if it is in the page cache.
  // Throws ErrorKind::not_found if the snapshot lacks a file that the setting needs, with the file
  // and what makes it.
  RestorePlan plan(Setting setting, bool prepared = false) const;

  // Returns the recording by `recorder`, or nothing if the snapshot has none.
  std::optional<WorkingSet> working_set(Recorder recorder = Recorder::mincore) const;

  // Returns how the stream set is stored, or nothing if the snapshot has none.
  std::optional<StoredSet> stream_set() const;

  // Asks the kernel to drop the snapshot's files and those of its bases from the page cache.
  // Returns how many of their pages are still there (mincore); 0 proves a cold start.
  std::uint64_t drop_caches() const;
  // Returns how many pages of these files are in the page cache.
  std::uint64_t cached_pages() const;

 private:
  friend const OpenedSnapshot& opened(const Snapshot& snapshot) noexcept;
  friend class OpenedSnapshot;
  explicit Snapshot(std::shared_ptr<const OpenedSnapshot> opened) noexcept;
  std::shared_ptr<const OpenedSnapshot> opened_;
};

// Returns the snapshots in `directories` that have `base` as their base, sorted within each.
// Directories that cannot be read as snapshots are passed over. Safe from any thread.
FAASNAP_EXPORT std::vector<std::filesystem::path> find_layers(
    const Snapshot& base, std::span<const std::filesystem::path> directories);

}  // namespace faasnap
