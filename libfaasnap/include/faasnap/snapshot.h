#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/restore_options.h>
#include <faasnap/units.h>
#include <faasnap/working_set.h>

namespace faasnap {

// A file that a snapshot depends on but does not hold.
struct FileIdentity {
  std::filesystem::path path{};
  Bytes size{};
  // CRC-32C of the content.
  std::uint32_t checksum = 0;
};

// What a snapshot says of itself (docs/snapshot-format.md).
struct SnapshotInfo {
  std::uint32_t format_version = 0;
  // Random; ties working set and loading set to the memory image they were made for.
  std::string id{};
  // Since the Unix epoch.
  Nanoseconds created{0};
  Bytes memory{};
  unsigned vcpus = 0;
  FileIdentity kernel{};
  // Empty paths when the VM had none.
  FileIdentity initramfs{};
  FileIdentity root_image{};
  std::map<std::string, std::string> labels{};
  // Pages of the image that are not all zero.
  std::uint64_t nonzero_pages = 0;
  // Of the loading set; all zero when there is none.
  std::uint64_t working_set_pages = 0;
  std::uint64_t loading_set_regions = 0;
  std::uint64_t loading_set_pages = 0;
  LoadingSetThresholds thresholds{};
};

// Called now and then by long operations; returning false makes them stop with
// ErrorKind::cancelled.
using Progress = std::function<bool(Bytes done, Bytes total)>;

// A snapshot on disk, opened: manifest, state and tables are read and checked, memory is not.
// Immutable, cheap to copy, safe from any thread. Holds its files open, so that it stays usable
// when the directory is removed.
class FAASNAP_EXPORT Snapshot {
 public:
  // Checks versions, lengths and checksums of everything but the memory image's content. Every
  // defect is ErrorKind::corrupt or ErrorKind::version and names file, section and what was
  // expected.
  static Snapshot open(const std::filesystem::path& directory);
  // Removes the directory, which must hold a snapshot and nothing else.
  static void remove(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const noexcept;
  const SnapshotInfo& info() const noexcept;

  // Reads every byte of every file, and the kernel and root image it names, and compares checksums.
  void verify(const Progress& progress = {}) const;

  // What `setting` means for this snapshot. ErrorKind::not_found when it needs a loading set and
  // there is none; ErrorKind::invalid_argument for warm and boot.
  RestorePlan plan(Setting setting) const;

  // The recorded working set; nothing when none was kept.
  std::optional<WorkingSet> working_set() const;

  // Asks the kernel to drop the snapshot's files from the page cache, and returns how many of their
  // pages are still there (mincore): 0 proves a cold start.
  std::uint64_t drop_caches() const;
  // Pages of its files that are in the page cache.
  std::uint64_t cached_pages() const;

  class Impl;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  friend class VM;
  explicit Snapshot(std::shared_ptr<const Impl> impl) noexcept;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace faasnap
