#pragma once

#include <filesystem>
#include <string>

#include <faasnap/snapshot.h>
#include <faasnap/vm_options.h>

#include "output/json.h"
#include "output/progress.h"
#include "run/free_memory.h"
#include "run/function_host.h"
#include "run/interruption.h"

namespace faasnap::cli {

// What `faasnap record` is to make.
struct Recording {
  std::string function;
  Json input;
  // A directory that is not there yet.
  std::filesystem::path target;
  VmOptions boot;
  FreeMemory free_memory = FreeMemory::report;
  // Labels and thresholds.
  SnapshotOptions options;
  // How often the function is invoked for the recording by userfaultfd.
  unsigned repeats = 1;
};

struct Recorded {
  Snapshot snapshot;
  // What the function answered.
  Json result;
  // The least similarity between two recordings by userfaultfd that follow each other; 1 for one.
  double similarity = 1;
};

// Boots a guest, and records the function twice over: by mincore in a guest that has never run it,
// as FaaSnap does, and by userfaultfd in clones of the snapshot that is served from, the last of
// which is restored as stream restores. The snapshot gets the files of both. Throws Failure and
// Interrupted; nothing is left of what was not finished.
Recorded record(const Recording& recording, FunctionHost& host, Interruption& interruption,
                Steps& steps);

}  // namespace faasnap::cli
