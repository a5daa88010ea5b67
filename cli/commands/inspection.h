#pragma once

#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>

#include <optional>

#include "output/json.h"

namespace faasnap::cli {

// A snapshot with what was recorded of it.
struct Inspection {
  explicit Inspection(const Snapshot& inspected);

  Snapshot snapshot;
  std::optional<WorkingSet> by_mincore;
  std::optional<WorkingSet> by_userfaultfd;
  // How alike the two are, page by page; empty unless there are both. They are of different images,
  // as a rule: a snapshot is taken after the recording by mincore.
  std::optional<double> similarity;
};

Json to_json(const Inspection& inspection);
Json to_json(const RestorePlan& plan);

// On the standard output.
void print(const Inspection& inspection);
void print(const RestorePlan& plan);

}  // namespace faasnap::cli
