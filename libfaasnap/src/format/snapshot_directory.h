#pragma once

#include <array>
#include <filesystem>
#include <string_view>

#include "base/fd.h"

namespace faasnap::format {

// The files of a snapshot. Those from the fourth on are there when a working set was kept: the
// recordings by mincore and by userfaultfd, and what was made from them.
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

// A snapshot directory being made: a temporary directory `<target>.partial-XXXXXX` beside its
// target, renamed onto it by commit(). The destructor removes it when it was not committed, so that
// a snapshot exists whole or not at all. For one thread at a time; any number of them may make the
// same target, and one wins.
class NewSnapshotDirectory {
 public:
  // ErrorKind::already_exists when there is something at `target`.
  explicit NewSnapshotDirectory(const std::filesystem::path& target);
  ~NewSnapshotDirectory();
  NewSnapshotDirectory(const NewSnapshotDirectory&) = delete;
  NewSnapshotDirectory& operator=(const NewSnapshotDirectory&) = delete;

  // Where the file `name` lies until commit().
  std::filesystem::path path_of(std::string_view name) const { return partial_ / name; }
  // Creates the file `name`, for reading and writing.
  base::UniqueFd create(std::string_view name) const;
  // Takes the content of `source`, which is open for reading, as the file `name`: the file itself
  // by a hard link where the file system allows that, else a sparse copy. `source_path` is for
  // messages.
  void share(std::string_view name, const base::UniqueFd& source,
             const std::filesystem::path& source_path) const;
  // fsyncs every file and the directory, and gives it its name. ErrorKind::already_exists when
  // somebody else was faster.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path partial_;
  bool committed_ = false;
};

// Checks that `directory` holds manifest, state and memory, and nothing that is no file of a
// snapshot: ErrorKind::not_found when it does not exist, ErrorKind::corrupt otherwise.
void check_snapshot_directory(const std::filesystem::path& directory);

// Removes the directory with the files of a snapshot; with anything else in it, nothing is removed
// and ErrorKind::invalid_argument names it.
void remove_snapshot_directory(const std::filesystem::path& directory);

}  // namespace faasnap::format
