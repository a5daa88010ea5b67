// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>
#include <faasnap/units.h>

#include "base/files/fd.h"
#include "format/memory_image.h"
#include "format/state_file.h"

namespace faasnap {

// What a snapshot has of a machine, beside the content of its memory.
struct CapturedMachine {
  // The machine's sections, whose names differ from format::kMemorySection. Empty for an image
  // alone.
  std::vector<format::Section> sections{};
  format::ImageTable image{};
  // The content of the disks, if the machine has any besides the root disk.
  std::optional<format::ImageTable> disks{};
};

// The empty files that a machine is captured into, and their paths for messages.
struct CaptureFiles {
  const base::UniqueFd& image;
  std::filesystem::path image_path;
  // Closed if the machine has no disks besides the root disk.
  const base::UniqueFd& disks;
  std::filesystem::path disks_path;
};

// Writes the image of a machine's memory and the content of its disks into the files, without their
// trailers, and returns the rest of its state of the same moment. Throws if not all of it can be
// read.
using CaptureMachine =
    std::function<CapturedMachine(const CaptureFiles& files, const Progress& progress)>;

// Returns what captures `memory`, which must outlive it and not change, in the order of the image.
// `candidates` are the pages that may be non-zero, sorted; see memory::touched_pages.
CaptureMachine capture_bytes(std::span<const std::byte> memory, std::vector<PageRange> candidates,
                             std::vector<format::Section> sections = {});

// The content of a new snapshot.
struct SnapshotContents {
  // Called once.
  CaptureMachine capture;
  // The size of guest memory.
  Bytes memory;
  // The size of the disks besides the root disk; 0 if there are none.
  Bytes disks;
  unsigned vcpus = 0;
  FileIdentity kernel;
  FileIdentity initramfs;
  FileIdentity root_image;
  std::map<std::string, std::string> labels;
  // Null if the snapshot gets no recording and no files made from one. Its memory size must be this
  // guest's. Its snapshot id may differ from the new one, since it was recorded from an earlier
  // image.
  const WorkingSet* working_set = nullptr;
  LoadingSetThresholds thresholds;
  // That of the stream set.
  Compression compression = Compression::none;
  // The snapshot that the new one is a layer over; null if the new one is whole.
  const Snapshot* base = nullptr;
};

// Writes a snapshot as the new directory `path`, whole or not at all, and opens it.
Snapshot create_snapshot(const std::filesystem::path& path, const SnapshotContents& contents,
                         const Progress& progress = {});

}  // namespace faasnap
