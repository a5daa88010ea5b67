#pragma once

#include <cstdint>
#include <memory>

#include <faasnap/export.h>
#include <faasnap/page_access.h>
#include <faasnap/working_set.h>

namespace faasnap {

class Snapshot;
class VM;

struct RecorderOptions {
  Recorder recorder = Recorder::mincore;
  // A new group starts whenever the VM's resident size has grown by this many pages.
  std::uint64_t group_pages = 1024;
};

// Records the working set of a VM that was restored with the setting lazy; or, with stream and
// Recorder::userfaultfd, what the snapshot's recording lacks of it.
//
// Recorder::mincore watches which pages of the snapshot's memory file come into the page cache
// while the VM runs: host page recording, FaaSnap section 4.4. The kernel's read-ahead is thus part
// of what is recorded, and so are other users of the same snapshot at the same time. Needs a file
// system whose pages can be dropped from the page cache; drop them before the restore.
//
// Recorder::userfaultfd takes what the VM's own fault handler notes: the VM must have been restored
// with RestoreOptions::record_accesses (ErrorKind::invalid_argument otherwise).
//
// Owns a thread from construction to finish() or destruction; the VM must outlive it.
class FAASNAP_EXPORT WorkingSetRecorder {
 public:
  // Throws ErrorKind::invalid_argument for a VM that was not restored from `snapshot`.
  explicit WorkingSetRecorder(const Snapshot& snapshot, VM& vm,
                              const RecorderOptions& options = {});
  ~WorkingSetRecorder();
  WorkingSetRecorder(const WorkingSetRecorder&) = delete;
  WorkingSetRecorder& operator=(const WorkingSetRecorder&) = delete;

  // Ends the recording. Call once.
  WorkingSet finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
