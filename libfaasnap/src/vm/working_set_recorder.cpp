// SPDX-License-Identifier: Apache-2.0

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/working_set_recorder.h>

#include <optional>

#include "base/error.h"
#include "paging/record/mincore_recorder.h"
#include "snapshot/snapshot_files.h"
#include "vm/vm_impl.h"

namespace faasnap {
namespace {

constexpr const char* kRecording = "record working set";

}  // namespace

class WorkingSetRecorder::Impl {
 public:
  Impl(const Snapshot& snapshot, const VM::Impl& vm, const RecorderOptions& options)
      : snapshot_(snapshot), vm_(vm), options_(options) {
    if (options.recorder == Recorder::mincore) {
      if (snapshot_.info().base) {
        base::fail(ErrorKind::unsupported, kRecording, snapshot.directory(),
                   "the recorder mincore watches one memory file, and cannot tell the pages of a "
                   "base that others use as well; record by userfaultfd, or record a whole "
                   "snapshot ('faasnap snapshot flatten')");
      }
      mincore_.emplace(files_of(opened(snapshot_)).memory, snapshot_.info().memory,
                       options.group_pages);
    } else if (!vm.records_accesses()) {
      base::fail(ErrorKind::invalid_argument, kRecording, snapshot.directory(),
                 "the VM was restored without record_accesses");
    }
  }

  WorkingSet finish() {
    const SnapshotInfo& info = snapshot_.info();
    if (mincore_) {
      return {info.id, info.memory, mincore_->finish()};
    }
    return WorkingSet::from_accesses(info.id, info.memory, vm_.accesses(), options_.group_pages);
  }

 private:
  Snapshot snapshot_;  // keeps the file open
  const VM::Impl& vm_;
  RecorderOptions options_;
  std::optional<paging::MincoreRecorder> mincore_;
};

WorkingSetRecorder::WorkingSetRecorder(const Snapshot& snapshot, VM& vm,
                                       const RecorderOptions& options) {
  if (is_final(vm.state())) {
    base::fail(ErrorKind::guest, kRecording, snapshot.directory(), "the VM has ended already");
  }
  const Snapshot* const source = vm.impl_->source();
  if (source == nullptr || source->info().id != snapshot.info().id) {
    base::fail(ErrorKind::invalid_argument, kRecording, snapshot.directory(),
               "the VM was not restored from this snapshot");
  }
  impl_ = std::make_unique<Impl>(snapshot, *vm.impl_, options);
}

WorkingSetRecorder::~WorkingSetRecorder() = default;

WorkingSet WorkingSetRecorder::finish() { return impl_->finish(); }

}  // namespace faasnap
