#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/units.h>

namespace faasnap {

class Snapshot;
class VM;

// The pages that one invocation used, in the groups in which they were first seen (FaaSnap, section
// 4.3: working set groups). Plain data; a page is in one group only.
class FAASNAP_EXPORT WorkingSet {
 public:
  // Runs of one group, sorted by address.
  using Group = std::vector<PageRange>;

  WorkingSet() = default;
  // `snapshot_id`: SnapshotInfo::id of the image that was restored for the recording. `memory`: its
  // size. Throws ErrorKind::invalid_argument for a range beyond memory or a page in two groups.
  WorkingSet(std::string snapshot_id, Bytes memory, std::vector<Group> groups);

  const std::string& snapshot_id() const noexcept { return snapshot_id_; }
  Bytes memory() const noexcept { return memory_; }
  const std::vector<Group>& groups() const noexcept { return groups_; }
  std::uint64_t pages() const noexcept;

  // The file format is in docs/snapshot-format.md.
  static WorkingSet load(const std::filesystem::path& file);
  // Creates `file`; it must not exist.
  void save(const std::filesystem::path& file) const;

 private:
  std::string snapshot_id_;
  Bytes memory_;
  std::vector<Group> groups_;
};

// Watches which pages of a snapshot's memory file come into the page cache while a VM restored from
// it (setting lazy) runs: host page recording, FaaSnap section 4.4. The kernel's read-ahead is thus
// part of what is recorded. Needs a file system whose pages can be dropped from the page cache;
// drop them before the restore.
//
// Owns a thread from construction to finish() or destruction. Other users of the same snapshot at
// the same time are recorded too.
class FAASNAP_EXPORT WorkingSetRecorder {
 public:
  // A new group starts whenever the VM's resident size has grown by `group_pages`.
  explicit WorkingSetRecorder(const Snapshot& snapshot, VM& vm, std::uint64_t group_pages = 1024);
  ~WorkingSetRecorder();
  WorkingSetRecorder(const WorkingSetRecorder&) = delete;
  WorkingSetRecorder& operator=(const WorkingSetRecorder&) = delete;

  // Ends the recording. Call once.
  WorkingSet finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
