// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <faasnap/working_set.h>

namespace faasnap::cli {

// Notes of the pages that invocations missed, from which `faasnap snapshot refresh` makes better
// sets: a directory with a working-set file, NUMBER.misses, for each invocation.

// Notes in one directory; no more are written.
inline constexpr std::size_t kMostMissNotes = 256;

// Adds a note to `directory`, and makes the directory if need be. A note is there whole or not at
// all. Returns false if there are kMostMissNotes.
bool add_miss_note(const std::filesystem::path& directory, const WorkingSet& missed);

struct MissNotes {
  std::vector<WorkingSet> sets;
  // Number of notes that are of other snapshots.
  std::size_t of_others = 0;
};

// Returns the notes of the image `snapshot_id`. Throws tools::Failure for a directory that does not
// exist, and as WorkingSet::load for a damaged note.
MissNotes read_miss_notes(const std::filesystem::path& directory, const std::string& snapshot_id);

}  // namespace faasnap::cli
