// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>

#include <optional>

#include "tools/json.h"

namespace faasnap::cli {

// A snapshot with its recordings.
struct Inspection {
  // `checked`: whether the snapshot was opened with trusted keys.
  Inspection(const Snapshot& inspected, bool checked);

  Snapshot snapshot;
  bool signature_checked;
  std::optional<WorkingSet> by_mincore;
  std::optional<WorkingSet> by_userfaultfd;
  // Similarity of the two recordings, page by page; empty unless both exist. They usually belong to
  // different images, because the snapshot is taken after the recording by mincore.
  std::optional<double> similarity;
};

tools::Json to_json(const Inspection& inspection);
tools::Json to_json(const RestorePlan& plan);

// Prints to the standard output.
void print(const Inspection& inspection);
void print(const RestorePlan& plan);

}  // namespace faasnap::cli
