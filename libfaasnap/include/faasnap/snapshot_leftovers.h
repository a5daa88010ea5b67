// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/units.h>

namespace faasnap {

// Something that a killed process has left behind: a snapshot that is not whole
// (NAME.partial-XXXXXXXX), the directory of a recording (.faasnap-XXXXXX), or a file of a catalogue
// or an object store under way (.new-ID).
struct Leftover {
  std::filesystem::path path{};
  // What it takes of the disk.
  Bytes size{};
  // Time of its last change since the Unix epoch.
  Nanoseconds changed{0};
};

// Returns what killed processes have left in `directory` and of files also in the directories in
// it, sorted. What a living process of this host is making is not among it, nor is anything on a
// file system without locks (flock(2)). On a network file system the processes of other hosts are
// not seen: ask only while none of them makes a snapshot there. Safe from any thread.
FAASNAP_EXPORT std::vector<Leftover> find_leftovers(const std::filesystem::path& directory);
// Removes that, and returns what it has removed.
FAASNAP_EXPORT std::vector<Leftover> remove_leftovers(const std::filesystem::path& directory);

}  // namespace faasnap
