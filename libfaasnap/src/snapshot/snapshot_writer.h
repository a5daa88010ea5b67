#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>
#include <faasnap/units.h>

#include "format/state_file.h"

namespace faasnap {

// What a new snapshot is made of. Views only: everything stays the caller's.
struct SnapshotContents {
  // The machine's; names other than format::kMemorySection. None: an image alone.
  std::span<const format::Section> sections;
  // Guest memory, in the order of the image, unchanging for the duration of the call.
  std::span<const std::byte> memory;
  // The pages of it that may be other than zero, sorted; see memory::touched_pages.
  std::span<const PageRange> candidates;
  unsigned vcpus = 0;
  FileIdentity kernel;
  FileIdentity initramfs;
  FileIdentity root_image;
  std::map<std::string, std::string> labels;
  // Null: the snapshot gets no recording, nor what is made from one. Its memory size must be this
  // guest's; its snapshot id need not be the new one, since it was recorded from an earlier image.
  const WorkingSet* working_set = nullptr;
  LoadingSetThresholds thresholds;
};

// Writes a snapshot as the new directory `path`, whole or not at all, and opens it.
Snapshot create_snapshot(const std::filesystem::path& path, const SnapshotContents& contents,
                         const Progress& progress = {});

// Size and checksum of a file, read whole; the path made absolute.
FileIdentity identify_file(const std::filesystem::path& path, const Progress& progress = {});

}  // namespace faasnap
