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

// How the files of a snapshot come into a catalogue and out of it.

// The files that a manifest speaks of.
std::vector<std::pair<std::string_view, format::FileRecord>> files_of(
    const format::Manifest& manifest);

// Bytes of those of them that lie in the shared directory.
Bytes size_of_shared(const format::Manifest& manifest);

// Puts them, the kernel and the images into the shared directory; see CatalogueFiles::publish.
void publish_files(const CatalogueFiles& files, const OpenedSnapshot& snapshot, bool anew,
                   const Progress& progress);

// Writes a version's files into a new directory. Kernel and images that this host lacks are named
// there as they lie in the shared directory. Nothing is verified.
void fetch_files(const CatalogueFiles& files, const CatalogueRecords::Version& version,
                 format::Manifest manifest, const format::NewSnapshotDirectory& directory,
                 const Progress& progress);

// Turns the progress of one step after another into that of the whole.
class Whole {
 public:
  Whole(const Progress& progress, Bytes total) : progress_(progress), total_(total) {}
  // Of a step that stands for `size` of the whole.
  Progress step(Bytes size) {
    const Bytes before = std::exchange(before_, before_ + size);
    return [this, before, size](Bytes done, Bytes total) {
      const double part = total.value == 0
                              ? 1.0
                              : static_cast<double>(done.value) / static_cast<double>(total.value);
      const auto of_step = static_cast<std::uint64_t>(part * static_cast<double>(size.value));
      return !progress_ || progress_(before + Bytes{of_step}, total_);
    };
  }

 private:
  const Progress& progress_;
  Bytes total_;
  Bytes before_;
};

}  // namespace faasnap::catalogue
