// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

#include <faasnap/compression.h>
#include <faasnap/snapshot.h>
#include <faasnap/working_set.h>

#include "format/image_content.h"
#include "format/manifest.h"
#include "format/snapshot_directory.h"
#include "memory/page_set.h"

namespace faasnap {

// The sources of a snapshot's recordings and of the page set files made from them.
struct SetSources {
  const format::ImageContent& image;
  const memory::PageSet& nonzero;
  // The pages that the image takes from a base.
  memory::PageSet based{};
  // The recordings by mincore and by userfaultfd. Each may be null.
  const WorkingSet* recorded = nullptr;
  const WorkingSet* touched = nullptr;
  // That of the stream set.
  Compression compression = Compression::none;
};

// Throws ErrorKind::invalid_argument if the recording's guest has another size of memory.
void check_recording(const WorkingSet& recording, Bytes memory, const std::filesystem::path& path);

// Writes the recordings (working-set, touched-set); the loading set of the first, or of the second
// if there is no first; and the REAP set and stream set of the second. Enters them into the
// manifest, whose id, memory and thresholds must be set.
void write_sets(const format::NewSnapshotDirectory& directory, const SetSources& sources,
                format::Manifest& manifest, const Progress& progress);
// Writes the stream set alone, the one of them that depends on what the bases have, and enters it.
void write_stream_set(const format::NewSnapshotDirectory& directory, const SetSources& sources,
                      format::Manifest& manifest, const Progress& progress);

}  // namespace faasnap
