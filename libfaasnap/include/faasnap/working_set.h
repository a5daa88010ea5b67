#pragma once

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
// 4.3: working set groups). Plain data; a page is in one group only.
class FAASNAP_EXPORT WorkingSet {
 public:
  using Group = PageGroup;

  WorkingSet() = default;
  // Of Recorder::mincore. `snapshot_id`: SnapshotInfo::id of the image that was restored for the
  // recording. `memory`: its size. Throws ErrorKind::invalid_argument for a range beyond memory or
  // a page in two groups.
  WorkingSet(std::string snapshot_id, Bytes memory, std::vector<Group> groups);
  // Of Recorder::userfaultfd: `accesses` in the order in which they happened, which makes a group
  // of every `group_pages` (not 0) of them. Throws ErrorKind::invalid_argument for a page beyond
  // memory or touched twice, and for times that are negative or go backwards.
  static WorkingSet from_accesses(std::string snapshot_id, Bytes memory,
                                  std::vector<PageAccess> accesses,
                                  std::uint64_t group_pages = 1024);

  // The pages of any of `recordings`, of which there is at least one and which must be of one
  // snapshot (ErrorKind::invalid_argument otherwise), each in the earliest group that it is in. Has
  // accesses if all of them do: a page's is then the earliest of its touches, a write if any was
  // one, missed if all were; otherwise it is as a recording by mincore.
  static WorkingSet merge(std::span<const WorkingSet> recordings);
  // How well two recordings agree: pages in both over pages in either, 1 for two empty ones
  // (Jaccard index). ErrorKind::invalid_argument when they are of different snapshots.
  static double similarity(const WorkingSet& a, const WorkingSet& b);

  Recorder recorder() const noexcept { return recorder_; }
  const std::string& snapshot_id() const noexcept { return snapshot_id_; }
  Bytes memory() const noexcept { return memory_; }
  const std::vector<Group>& groups() const noexcept { return groups_; }
  // Empty for Recorder::mincore.
  const std::vector<PageAccess>& accesses() const noexcept { return accesses_; }
  std::uint64_t pages() const noexcept;

  // The file format is in docs/reference/snapshot-format.md.
  static WorkingSet load(const std::filesystem::path& file);
  // Creates `file`; it must not exist.
  void save(const std::filesystem::path& file) const;
  // The same as bytes, for whoever keeps them elsewhere. `name` is for messages.
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
