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
  // Of the two, page by page; of different images, as a rule: a snapshot is taken after the
  // recording by mincore. Nothing unless there are both.
  std::optional<double> similarity;
};

Json to_json(const Inspection& inspection);
Json to_json(const RestorePlan& plan);

// On the standard output.
void print(const Inspection& inspection);
void print(const RestorePlan& plan);

}  // namespace faasnap::cli
