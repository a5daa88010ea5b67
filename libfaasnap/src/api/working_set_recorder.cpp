#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/working_set.h>

#include "api/snapshot_files.h"
#include "base/error.h"
#include "paging/mincore_recorder.h"

namespace faasnap {

class WorkingSetRecorder::Impl {
 public:
  Impl(const Snapshot& snapshot, std::uint64_t group_pages)
      : snapshot_(snapshot),
        recorder_(files_of(snapshot_.impl()).memory, snapshot_.info().memory, group_pages) {}

  WorkingSet finish() { return {snapshot_.info().id, snapshot_.info().memory, recorder_.finish()}; }

 private:
  Snapshot snapshot_;  // keeps the file open
  paging::MincoreRecorder recorder_;
};

WorkingSetRecorder::WorkingSetRecorder(const Snapshot& snapshot, VM& vm,
                                       const RecorderOptions& options) {
  if (is_final(vm.state())) {
    base::fail(ErrorKind::guest, "record working set", snapshot.directory(),
               "the VM has ended already");
  }
  impl_ = std::make_unique<Impl>(snapshot, options.group_pages);
}

WorkingSetRecorder::~WorkingSetRecorder() = default;

WorkingSet WorkingSetRecorder::finish() { return impl_->finish(); }

}  // namespace faasnap
