// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <faasnap/progress.h>

#include "catalogue/files.h"
#include "catalogue/records.h"
#include "format/manifest.h"
#include "snapshot/opened_snapshot.h"

namespace faasnap::catalogue {

// Moves the files of a snapshot into a catalogue and out of it.

// Returns the files that a manifest lists.
std::vector<std::pair<std::string_view, format::FileRecord>> files_of(
    const format::Manifest& manifest);

// Returns the size of those files that belong in the shared directory.
Bytes size_of_shared(const format::Manifest& manifest);

// Publishes those files, the kernel and the images; see CatalogueFiles::publish.
void publish_files(const CatalogueFiles& files, const OpenedSnapshot& snapshot, bool anew,
                   const Progress& progress);

// Writes the files of a version into a new directory. The manifest names the shared copy of a
// kernel or image that this host does not have. Verifies nothing.
void fetch_files(const CatalogueFiles& files, const CatalogueRecords::Version& version,
                 format::Manifest manifest, const format::NewSnapshotDirectory& directory,
                 const Progress& progress);

}  // namespace faasnap::catalogue
