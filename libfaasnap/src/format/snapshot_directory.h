// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <filesystem>
#include <string_view>

#include "base/files/fd.h"

namespace faasnap::format {

// The files of a snapshot. The fourth and later ones are optional: the recordings by mincore and by
// userfaultfd, and the page set files made from them.
inline constexpr std::string_view kManifestFile = "manifest";
inline constexpr std::string_view kStateFile = "state";
inline constexpr std::string_view kMemoryFile = "memory";
inline constexpr std::string_view kWorkingSetFile = "working-set";
inline constexpr std::string_view kTouchedSetFile = "touched-set";
inline constexpr std::string_view kLoadingSetFile = "loading-set";
inline constexpr std::string_view kReapSetFile = "reap-set";
inline constexpr std::string_view kStreamSetFile = "stream-set";
inline constexpr std::array kSnapshotFiles = {kManifestFile,   kStateFile,      kMemoryFile,
                                              kWorkingSetFile, kTouchedSetFile, kLoadingSetFile,
                                              kReapSetFile,    kStreamSetFile};

// A snapshot directory that is being made: a temporary directory `<target>.partial-XXXXXX` beside
// its target, renamed to it by commit(). The destructor removes it unless it was committed, so that
// a snapshot exists whole or not at all. For one thread at a time. Several of these objects may
// make the same target; one of them succeeds.
class NewSnapshotDirectory {
 public:
  // Throws ErrorKind::already_exists if `target` exists.
  explicit NewSnapshotDirectory(const std::filesystem::path& target);
  ~NewSnapshotDirectory();
  NewSnapshotDirectory(const NewSnapshotDirectory&) = delete;
  NewSnapshotDirectory& operator=(const NewSnapshotDirectory&) = delete;

  // Returns the path of the file `name` before commit().
  std::filesystem::path path_of(std::string_view name) const { return partial_ / name; }
  // Creates the file `name` for reading and writing.
  base::UniqueFd create(std::string_view name) const;
  // Makes the file `name` with the content of `source`, which is open for reading: a hard link if
  // the file system allows it, otherwise a sparse copy. `source_path` is for messages.
  void share(std::string_view name, const base::UniqueFd& source,
             const std::filesystem::path& source_path) const;
  // Calls fsync for every file and the directory, and renames the directory to the target. Throws
  // ErrorKind::already_exists if the target exists by now.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path partial_;
  bool committed_ = false;
};

// Checks that `directory` holds manifest, state and memory, and only files of a snapshot. Throws
// ErrorKind::not_found if it does not exist, ErrorKind::corrupt otherwise.
void check_snapshot_directory(const std::filesystem::path& directory);

// Removes the directory and the snapshot's files in it. If it holds anything else, removes nothing
// and throws ErrorKind::invalid_argument with its name.
void remove_snapshot_directory(const std::filesystem::path& directory);

}  // namespace faasnap::format
