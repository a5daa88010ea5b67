// SPDX-License-Identifier: Apache-2.0

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
  // ---- What changes behaviour.

  // How pages are noted; see the class.
  Recorder recorder = Recorder::mincore;

  // ---- What changes performance.

  // Number of pages in a group, not 0. With Recorder::mincore, a group ends when the VM's resident
  // size has grown by this many pages: smaller groups give a finer order of loading, and cost more
  // scans of the page cache while the function runs.
  std::uint64_t group_pages = 1024;
};

// Records the working set of a VM that was restored with Setting::lazy. With Setting::stream and
// Recorder::userfaultfd, it records only the pages missing from the snapshot's stream set.
//
// Recorder::mincore watches which pages of the snapshot's memory file come into the page cache
// while the VM runs (host page recording, FaaSnap, section 4.4). The recording therefore includes
// the kernel's read-ahead, and what other users of the same snapshot read at the same time. It
// needs a file system whose pages can be dropped from the page cache; call Snapshot::drop_caches
// before the restore.
//
// Recorder::userfaultfd takes what the VM's own fault handler notes; the VM must have been restored
// with RestoreOptions::record_accesses.
//
// Owns a thread from construction to finish() or destruction. The VM must outlive it. Its member
// functions are for one thread at a time.
class FAASNAP_EXPORT WorkingSetRecorder {
 public:
  // Starts recording. Throws ErrorKind::invalid_argument if `vm` was not restored from `snapshot`,
  // or without record_accesses for Recorder::userfaultfd.
  explicit WorkingSetRecorder(const Snapshot& snapshot, VM& vm,
                              const RecorderOptions& options = {});
  ~WorkingSetRecorder();
  WorkingSetRecorder(const WorkingSetRecorder&) = delete;
  WorkingSetRecorder& operator=(const WorkingSetRecorder&) = delete;

  // Ends the recording and returns it. May be called once. Throws the failure of loading or of
  // answering faults, if there was one.
  WorkingSet finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
