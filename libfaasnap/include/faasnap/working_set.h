// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/page_access.h>
#include <faasnap/units.h>

namespace faasnap {

// The pages that one invocation used, in the groups in which they were first seen (FaaSnap, section
// 4.3: working set groups). A page is in one group only. Plain data: any thread may read it while
// none changes it.
class FAASNAP_EXPORT WorkingSet {
 public:
  using Group = PageGroup;

  WorkingSet() = default;
  // A recording by Recorder::mincore of the image `snapshot_id` (SnapshotInfo::id), of `memory`
  // bytes. Throws ErrorKind::invalid_argument for a range beyond memory or a page in two groups.
  WorkingSet(std::string snapshot_id, Bytes memory, std::vector<Group> groups);
  // Returns a recording by Recorder::userfaultfd. `accesses` are in the order in which they
  // happened; every `group_pages` (not 0) of them make a group. Throws ErrorKind::invalid_argument
  // for a page beyond memory, a page touched twice, and times that are negative or go backwards.
  static WorkingSet from_accesses(std::string snapshot_id, Bytes memory,
                                  std::vector<PageAccess> accesses,
                                  std::uint64_t group_pages = 1024);

  // Returns the pages of all `recordings`, each in the earliest group that it is in. The result has
  // accesses if all recordings have: a page's access is then the earliest one, a write if any was a
  // write, and missed if all were missed. Otherwise the result is as a recording by mincore. Throws
  // ErrorKind::invalid_argument if there is no recording, or if they are of different snapshots.
  static WorkingSet merge(std::span<const WorkingSet> recordings);
  // Returns `recording` with the pages that at least `at_least` (not 0) of `misses` have and it
  // lacks, each at its earliest touch, marked as missed; such recordings come from VMs that were
  // restored with AccessRecording::misses, from snapshots with this image. The groups are made
  // anew. Throws ErrorKind::invalid_argument if any is not by Recorder::userfaultfd or is of
  // another snapshot.
  static WorkingSet with_misses(const WorkingSet& recording, std::span<const WorkingSet> misses,
                                std::size_t at_least = 1);
  // Returns how well two recordings agree: the number of pages in both, over that of pages in
  // either (Jaccard index); 1 for two empty ones. Throws ErrorKind::invalid_argument if they are of
  // different snapshots.
  static double similarity(const WorkingSet& a, const WorkingSet& b);

  Recorder recorder() const noexcept { return recorder_; }
  const std::string& snapshot_id() const noexcept { return snapshot_id_; }
  Bytes memory() const noexcept { return memory_; }
  const std::vector<Group>& groups() const noexcept { return groups_; }
  // Returns the first touches in their order; empty for Recorder::mincore.
  const std::vector<PageAccess>& accesses() const noexcept { return accesses_; }
  // Returns the number of pages in all groups.
  std::uint64_t pages() const noexcept;

  // Returns the content of a working-set file. Throws ErrorKind::corrupt or ErrorKind::version,
  // naming the file and what was expected.
  static WorkingSet load(const std::filesystem::path& file);
  // Writes a working-set file. Throws ErrorKind::already_exists if `file` exists.
  void save(const std::filesystem::path& file) const;
  // The same for bytes that are kept elsewhere. `name` stands for the file in errors.
  static WorkingSet decode(std::span<const std::byte> bytes, const std::filesystem::path& name);
  std::vector<std::byte> encode() const;

 private:
  WorkingSet(Recorder recorder, std::string snapshot_id, Bytes memory, std::vector<Group> groups,
             std::vector<PageAccess> accesses);

  Recorder recorder_ = Recorder::mincore;
  std::string snapshot_id_;
  Bytes memory_;
  std::vector<Group> groups_;
  std::vector<PageAccess> accesses_;
};

}  // namespace faasnap
