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

// What is kept with a snapshot beyond its image, and the files made from it.
struct SnapshotOptions {
  // May be null. Must be of a guest with as much memory. From a recording by userfaultfd come the
  // REAP set and the stream set; the loading set is of the recording by mincore, or of that by
  // userfaultfd where there is no other. A setting whose file could not be made is refused at
  // restore.
  const WorkingSet* working_set = nullptr;
  LoadingSetThresholds thresholds{};
  // Free-form labels for the manifest, for example {"function", "json"}. Keys are of [a-z0-9_.-],
  // values have no line breaks.
  std::map<std::string, std::string> labels{};
};

class OpenedSnapshot;

// A snapshot on disk, opened: manifest, state and tables are read and checked, memory is not.
// Immutable, cheap to copy, safe from any thread. Holds its files open, so that it stays usable
// when the directory is removed.
class FAASNAP_EXPORT Snapshot {
 public:
  // Checks versions, lengths and checksums of everything but the memory image's content. Every
  // defect is ErrorKind::corrupt or ErrorKind::version and names file, section and what was
  // expected.
  static Snapshot open(const std::filesystem::path& directory);
  // Writes a snapshot of `memory` alone as the new directory `path`, whole or not at all: an image
  // with no machine, which RestoredMemory restores and VM refuses. `memory` is page-aligned and
  // must not change meanwhile.
  static Snapshot create(const std::filesystem::path& path, std::span<const std::byte> memory,
                         const SnapshotOptions& options = {});
  // Writes this snapshot anew as the directory `path`, with `options.working_set` beside or in the
  // place of what this one has from the same recorder, and with labels added; what is made from
  // recordings is made anew, with `options.thresholds`. State and image are the same, id and time
  // of creation too; their files are shared by hard links where the file system allows, else
  // copied. A userfaultfd recording must be of this very snapshot (ErrorKind::invalid_argument
  // otherwise).
  Snapshot derive(const std::filesystem::path& path, const SnapshotOptions& options) const;

  // Removes the directory, which must hold a snapshot and nothing else.
  static void remove(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const noexcept;
  const SnapshotInfo& info() const noexcept;

  // Reads every byte of every file, and the kernel and root image it names, and compares checksums.
  void verify(const Progress& progress = {}) const;

  // What `setting` means for this snapshot, `prepared` ahead of a request (VM::prepare) or not:
  // faasnap is as published if not, and if so allocates the recorded zero pages and copies the
  // pages that were written ahead, too.
  // ErrorKind::not_found when it needs a file that is not there, naming the file and what makes it;
  // ErrorKind::invalid_argument for warm and boot.
  RestorePlan plan(Setting setting, bool prepared = false) const;

  // What was recorded in that way; nothing when none was kept.
  std::optional<WorkingSet> working_set(Recorder recorder = Recorder::mincore) const;

  // Asks the kernel to drop the snapshot's files from the page cache, and returns how many of their
  // pages are still there (mincore): 0 proves a cold start.
  std::uint64_t drop_caches() const;
  // Pages of its files that are in the page cache.
  std::uint64_t cached_pages() const;

 private:
  friend const OpenedSnapshot& opened(const Snapshot& snapshot) noexcept;
  explicit Snapshot(std::shared_ptr<const OpenedSnapshot> opened) noexcept;
  std::shared_ptr<const OpenedSnapshot> opened_;
};

}  // namespace faasnap
