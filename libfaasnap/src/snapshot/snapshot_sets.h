#pragma once

#include <filesystem>

#include <faasnap/snapshot.h>
#include <faasnap/working_set.h>

#include "base/fd.h"
#include "format/manifest.h"
#include "format/memory_image.h"
#include "format/snapshot_directory.h"

namespace faasnap {

// What the recordings of a snapshot, and the files made from them, are made of.
struct SetSources {
  // The image, readable, and its name for messages.
  const base::UniqueFd& image;
  std::filesystem::path image_path;
  const format::ImageTable& table;
  // By mincore and by userfaultfd. Each may be null.
  const WorkingSet* recorded = nullptr;
  const WorkingSet* touched = nullptr;
};

// Throws ErrorKind::invalid_argument for a recording of a guest with another size of memory.
void check_recording(const WorkingSet& recording, Bytes memory, const std::filesystem::path& path);

// Writes working-set and touched-set, the loading set of the first (of the second when there is no
// first), and the REAP set and stream set of the second, as far as there are recordings, and enters
// them into the manifest, whose id, memory and thresholds are set.
void write_sets(const format::NewSnapshotDirectory& directory, const SetSources& sources,
                format::Manifest& manifest, const Progress& progress);

}  // namespace faasnap
