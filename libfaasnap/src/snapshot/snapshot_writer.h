// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>
#include <faasnap/units.h>

#include "format/state_file.h"

namespace faasnap {

// The content of a new snapshot. Views only: the caller keeps ownership.
struct SnapshotContents {
  // The machine's sections, whose names differ from format::kMemorySection. Empty for an image
  // alone.
  std::span<const format::Section> sections;
  // Guest memory, in the order of the image. Must not change during the call.
  std::span<const std::byte> memory;
  // The pages of it that may be non-zero, sorted; see memory::touched_pages.
  std::span<const PageRange> candidates;
  // Throws if `memory` is not, or no longer, what the guest has left there. Called with pages that
  // cannot be read; and with none when all of them have been read, and before the snapshot gets its
  // name. May be empty.
  std::function<void(PageRange unreadable)> check_memory;
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
};

// Writes a snapshot as the new directory `path`, whole or not at all, and opens it.
Snapshot create_snapshot(const std::filesystem::path& path, const SnapshotContents& contents,
                         const Progress& progress = {});

}  // namespace faasnap
