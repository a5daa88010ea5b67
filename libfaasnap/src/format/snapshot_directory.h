// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/files/fd.h"

namespace faasnap::format {

// The files of a snapshot. The fourth and later ones are optional: the content of the disks besides
// the root disk, the recordings by mincore and by userfaultfd, the page set files made from them,
// and the signature.
inline constexpr std::string_view kManifestFile = "manifest";
inline constexpr std::string_view kStateFile = "state";
inline constexpr std::string_view kMemoryFile = "memory";
inline constexpr std::string_view kDisksFile = "disks";
inline constexpr std::string_view kWorkingSetFile = "working-set";
inline constexpr std::string_view kTouchedSetFile = "touched-set";
inline constexpr std::string_view kLoadingSetFile = "loading-set";
inline constexpr std::string_view kReapSetFile = "reap-set";
inline constexpr std::string_view kStreamSetFile = "stream-set";
inline constexpr std::string_view kSignatureFile = "signature";
inline constexpr std::array kSnapshotFiles = {
    kManifestFile,   kStateFile,      kMemoryFile,  kDisksFile,     kWorkingSetFile,
    kTouchedSetFile, kLoadingSetFile, kReapSetFile, kStreamSetFile, kSignatureFile};

// A snapshot directory that is being made: a temporary directory `<target>.partial-XXXXXXXX` beside
// its target, renamed to it by commit(). The destructor removes it unless it was committed, so that
// a snapshot exists whole or not at all. While the object exists, the directory is claimed
// (base/files/claim.h). For one thread at a time. Several of these objects may make the same
// target; one of them succeeds.
class NewSnapshotDirectory {
 public:
  // Throws ErrorKind::already_exists if `target` exists. Tries what commit() will do, so that a
  // file system that cannot do it is found out before anything is written.
  explicit NewSnapshotDirectory(const std::filesystem::path& target);
  ~NewSnapshotDirectory();
  NewSnapshotDirectory(const NewSnapshotDirectory&) = delete;
  NewSnapshotDirectory& operator=(const NewSnapshotDirectory&) = delete;

  const std::filesystem::path& target() const noexcept { return target_; }
  // Returns the path of the directory, and of the file `name` in it, before commit().
  const std::filesystem::path& path() const noexcept { return partial_; }
  std::filesystem::path path_of(std::string_view name) const { return partial_ / name; }
  // Creates the file `name` for reading and writing.
  base::UniqueFd create(std::string_view name) const;
  // Makes the file `name` with the content of `source`, which is open for reading: a hard link if
  // the file system allows it, otherwise a sparse copy. `source_path` is for messages.
  void share(std::string_view name, const base::UniqueFd& source,
             const std::filesystem::path& source_path) const;
  // Calls fsync for every file and the directory, and renames the directory to the target. If it
  // throws, there is nothing at the target: ErrorKind::already_exists if the target exists by now.
  void commit();

 private:
  void make_partial();
  // Sets how a directory is renamed where nothing may be replaced, by renaming the partial one.
  void choose_rename();
  void rename_to_target();

  std::filesystem::path target_;
  base::UniqueFd parent_;
  std::filesystem::path partial_;
  base::UniqueFd claim_;
  // False where the file system has no RENAME_NOREPLACE (NFS, 9p, some of FUSE). There the target
  // is made as an empty directory, which fails if it exists, and replaced, which fails if it is not
  // empty any more.
  bool renames_exclusively_ = false;
  bool committed_ = false;
};

// Checks that `directory` holds manifest, state and memory. Throws ErrorKind::not_found if it does
// not exist, ErrorKind::corrupt otherwise.
void check_snapshot_directory(const std::filesystem::path& directory);

// Returns the names in the directory that no snapshot has, sorted. They are not a part of it.
std::vector<std::string> foreign_names(const std::filesystem::path& directory);

// Removes the snapshot's files from the directory, and the directory unless there is anything else
// in it. Returns the names of what is left. Throws ErrorKind::invalid_argument, and removes
// nothing, if the directory holds no snapshot; what an interrupted removal has left counts as one
// if there is nothing else.
std::vector<std::string> remove_snapshot_directory(const std::filesystem::path& directory);

// What the name of a directory begins with in which a function is recorded.
inline constexpr std::string_view kScratchPrefix = ".faasnap-";

// True for the name of a directory that a NewSnapshotDirectory makes.
bool is_partial_name(std::string_view name) noexcept;

}  // namespace faasnap::format
