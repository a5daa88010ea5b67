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

#include <faasnap/export.h>
#include <faasnap/progress.h>
#include <faasnap/restore_plan.h>
#include <faasnap/snapshot_info.h>
#include <faasnap/units.h>
#include <faasnap/working_set.h>

namespace faasnap {

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

class OpenedSnapshot;

// An opened snapshot on disk: manifest, state and tables are read and checked, memory is not.
// Immutable, cheap to copy, safe to use from any thread. Holds its files open, so that it stays
// usable after the directory is removed.
class FAASNAP_EXPORT Snapshot {
 public:
  // Checks versions, lengths and checksums of everything but the memory image's content. Throws
  // ErrorKind::corrupt or ErrorKind::version for a defect, with the file, the section and what was
  // expected.
  static Snapshot open(const std::filesystem::path& directory);
  // Writes a snapshot of `memory` alone as the new directory `path`, whole or not at all: an image
  // without a machine, which RestoredMemory restores and VM refuses. `memory` is page-aligned and
  // must not change during the call.
  static Snapshot create(const std::filesystem::path& path, std::span<const std::byte> memory,
                         const SnapshotOptions& options = {});
  // Writes this snapshot anew as the directory `path`. `options.working_set` is added, or replaces
  // this snapshot's recording by the same recorder; the files made from recordings are made anew
  // with `options.thresholds`; labels are added. State, image, id and time of creation stay the
  // same; the files are shared by hard links if the file system allows it, otherwise copied. Throws
  // ErrorKind::invalid_argument if a recording by userfaultfd belongs to another snapshot.
  Snapshot derive(const std::filesystem::path& path, const SnapshotOptions& options) const;

  // Verifies the snapshot in `directory` as verify does, and replaces its manifest by one of the
  // newest format version, which takes the images as they are now: copies and files that were
  // written to are the same again if their content is. Of other versions only the last one before
  // it can be read. Throws what verify throws, and changes nothing then.
  static Snapshot upgrade(const std::filesystem::path& directory, const Progress& progress = {});

  // Removes a snapshot: its files, and the directory unless anything else is in it. Returns the
  // names of what is left there. Throws ErrorKind::invalid_argument, and removes nothing, if the
  // directory holds no snapshot; what an interrupted removal has left counts as one.
  static std::vector<std::string> remove(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const noexcept;
  const SnapshotInfo& info() const noexcept;
  // Returns the id of the key that the snapshot's signature names, or nothing if it has none. What
  // checks the signature is open_signed (faasnap/snapshot_signature.h).
  std::optional<std::string> signing_key() const;
  // Returns the names in its directory that are not files of a snapshot, sorted: they are ignored.
  std::vector<std::string> foreign_names() const;

  // Reads every byte of every file, and of the kernel and root image that the snapshot names, and
  // compares checksums. Throws ErrorKind::corrupt if they differ.
  void verify(const Progress& progress = {}) const;

  // Returns the restore plan for `setting`. If `prepared` is true, the plan of Setting::faasnap
  // also allocates the recorded zero pages and copies the pages that the recorded invocation wrote,
  // ahead of the request (VM::prepare); otherwise it is the published FaaSnap design. Throws
  // ErrorKind::not_found if the snapshot lacks a file that the setting needs, with the file and
  // what makes it.
  RestorePlan plan(Setting setting, bool prepared = false) const;

  // Returns the recording by `recorder`, or nothing if the snapshot has none.
  std::optional<WorkingSet> working_set(Recorder recorder = Recorder::mincore) const;

  // Asks the kernel to drop the snapshot's files from the page cache. Returns how many of their
  // pages are still there (mincore); 0 proves a cold start.
  std::uint64_t drop_caches() const;
  // Returns how many pages of its files are in the page cache.
  std::uint64_t cached_pages() const;

 private:
  friend const OpenedSnapshot& opened(const Snapshot& snapshot) noexcept;
  friend class OpenedSnapshot;
  explicit Snapshot(std::shared_ptr<const OpenedSnapshot> opened) noexcept;
  std::shared_ptr<const OpenedSnapshot> opened_;
};

}  // namespace faasnap
