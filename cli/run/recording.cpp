#include "run/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include <faasnap/vm.h>
#include <faasnap/working_set_recorder.h>

#include "failure.h"
#include "output/scratch_directory.h"
#include "run/console_tail.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

// The steps of one recording, and what they share.
class Session {
 public:
  Session(const Recording& recording, FunctionHost& host, Interruption& interruption, Steps& steps)
      : recording_(recording), host_(host), interruption_(interruption), steps_(steps) {}

  // A snapshot of a guest that is ready for its first invocation.
  Snapshot make_base(const fs::path& path) {
    const ConsoleTail console;
    VmOptions options = recording_.boot;
    options.attachments.console = console.sink();
    steps_.begin("boot the guest");
    VM vm = VM::boot(options);
    const Interruption::Guard guard(interruption_, [&] { vm.stop(); });
    host_.attach(vm);
    steps_.begin("wait for the agent");
    wait_for_agent(vm, console);
    settle(vm);
    steps_.begin("snapshot the guest before its first invocation");
    return vm.snapshot(path);
  }

  // A snapshot of a guest that has run the function once, with the loading set of that invocation.
  Snapshot record_first(const Snapshot& base, const fs::path& path) {
    steps_.begin("restore it from cold storage");
    if (const auto left = base.drop_caches(); left != 0) {
      throw Failure(
          fmt::format("{}: {} pages stay in the page cache, so that a recording would show "
                      "what is not used; `faasnap doctor` says more",
                      recording_.target.parent_path().string(), left));
    }
    const bool release = recording_.free_memory == FreeMemory::report;
    VM vm = VM::restore(base,
                        {.setting = Setting::lazy, .release_free_memory = release, .start = false});
    const WorkingSet working_set = invoke(vm, base, Recorder::mincore);
    settle(vm);
    steps_.begin("snapshot the guest with its loading set");
    SnapshotOptions options = recording_.options;
    options.working_set = &working_set;
    return vm.snapshot(path, options);
  }

  // The pages that the function uses in a clone of the snapshot that is served from, but for those
  // that `setting` brings.
  WorkingSet record_clone(const Snapshot& served, Setting setting) {
    VM vm = VM::restore(served, {.setting = setting, .record_accesses = true, .start = false});
    return invoke(vm, served, Recorder::userfaultfd);
  }

  // What was recorded, and what a clone misses that runs as fast as those that serve.
  WorkingSet rehearse(const Snapshot& served, const WorkingSet& recorded, const fs::path& path) {
    const Snapshot rehearsed = served.derive(path, {.working_set = &recorded});
    const WorkingSet sets[] = {recorded, record_clone(rehearsed, Setting::stream)};
    Snapshot::remove(path);
    return WorkingSet::merge(sets);
  }

  Json take_result() { return std::move(result_); }

 private:
  // Lets the guest give up what it has freed. Before the recording, too: what the guest's kernel
  // does for it would otherwise be recorded.
  void settle(VM& vm) {
    if (recording_.free_memory == FreeMemory::report) {
      steps_.begin("wait for the guest to report its free memory");
      settle_free_memory(vm);
    }
  }

  WorkingSet invoke(VM& vm, const Snapshot& snapshot, Recorder kind) {
    const Interruption::Guard guard(interruption_, [&] { vm.stop(); });
    host_.attach(vm);
    WorkingSetRecorder recorder(snapshot, vm, {.recorder = kind});
    steps_.begin(
        fmt::format("invoke {} and record its pages by {}", recording_.function, to_string(kind)));
    vm.resume();
    result_ = invoke_function(host_, vm, recording_.function, recording_.input);
    return recorder.finish();
  }

  const Recording& recording_;
  FunctionHost& host_;
  Interruption& interruption_;
  Steps& steps_;
  Json result_;
};

double least_similarity(const std::vector<WorkingSet>& recordings) {
  double least = 1;
  for (std::size_t i = 1; i < recordings.size(); ++i) {
    least = std::min(least, WorkingSet::similarity(recordings[i - 1], recordings[i]));
  }
  return least;
}

}  // namespace

Recorded record(const Recording& recording, FunctionHost& host, Interruption& interruption,
                Steps& steps) {
  const ScratchDirectory scratch(recording.target.parent_path());
  Session session(recording, host, interruption, steps);
  const Snapshot base = session.make_base(scratch.path() / "base");
  const Snapshot served = session.record_first(base, scratch.path() / "served");
  Snapshot::remove(base.directory());
  std::vector<WorkingSet> recordings;
  for (unsigned i = 0; i < recording.repeats; ++i) {
    recordings.push_back(session.record_clone(served, Setting::lazy));
  }
  const WorkingSet touched =
      session.rehearse(served, WorkingSet::merge(recordings), scratch.path() / "rehearsed");
  steps.begin("add the sets of REAP and stream");
  Snapshot snapshot = served.derive(
      recording.target, {.working_set = &touched, .thresholds = recording.options.thresholds});
  if (Interruption::received() != 0) {
    Snapshot::remove(recording.target);
    Interruption::check();
  }
  return {std::move(snapshot), session.take_result(), least_similarity(recordings)};
}

}  // namespace faasnap::cli
