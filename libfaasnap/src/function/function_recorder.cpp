// SPDX-License-Identifier: Apache-2.0

#include <faasnap/function_recorder.h>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include <faasnap/working_set_recorder.h>

#include "base/error.h"
#include "base/files/path.h"
#include "base/progress.h"
#include "function/agent_reply.h"
#include "function/free_memory.h"
#include "function/scratch_directory.h"
#include "memory/page_scan.h"
#include "paging/page_cache/drop_probe.h"
#include "paging/userfault/userfault.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecording = "record function";
constexpr std::size_t kLongestName = 64;

// Returns the absolute path of a snapshot that can be made: nothing is there, in a directory that
// exists.
fs::path target_at(const fs::path& path) {
  const fs::path absolute = base::absolute_path(path).lexically_normal();
  fs::path target = absolute.has_filename() ? absolute : absolute.parent_path();
  std::error_code unknown;
  if (!fs::is_directory(target.parent_path(), unknown)) {
    base::fail(ErrorKind::not_found, kRecording, target.parent_path(), "not a directory");
  }
  if (fs::symlink_status(target, unknown).type() != fs::file_type::not_found) {
    base::fail(ErrorKind::already_exists, kRecording, target, "already exists");
  }
  return target;
}

// The recording by mincore sees only pages that were not in the page cache before.
void check_pages_can_be_dropped(const fs::path& directory) {
  if (const auto pages = paging::try_dropping_pages(directory); !pages.good()) {
    base::fail(ErrorKind::unsupported, kRecording, directory,
               fmt::format("{} of {} pages of a file stay in the page cache when they are dropped, "
                           "so that a recording would have pages that are not used; choose a "
                           "directory on a disk file system such as ext4 or XFS",
                           pages.after, pages.before));
  }
}

// Returns why this process cannot record by userfaultfd, or an empty string.
std::string lack_of_userfaultfd() {
  try {
    const paging::Userfault handler({});
    return {};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::permission && error.kind() != ErrorKind::unsupported) {
      throw;
    }
    return error.what();
  }
}

double least_similarity(const std::vector<WorkingSet>& recordings) {
  double least = 1;
  for (std::size_t i = 1; i < recordings.size(); ++i) {
    least = std::min(least, WorkingSet::similarity(recordings[i - 1], recordings[i]));
  }
  return least;
}

// The steps of one recording, and what they share.
class Recording {
 public:
  Recording(FunctionHost& host, const FunctionRecorderOptions& options, const std::string& function,
            const std::string& input, const RecordingObserver& observer)
      : host_(host),
        options_(options),
        function_(function),
        input_(function::compact_object(input)),
        observer_(observer) {}

  RecordedFunction make(const fs::path& target) {
    begin("check what the recording needs");
    check_pages_can_be_dropped(target.parent_path());
    if (!options_.guest.worker) {
      memory::require_pagemap();
    }
    std::string no_userfaultfd = lack_of_userfaultfd();
    const function::ScratchDirectory scratch(target.parent_path());
    const Snapshot base = options_.base ? continue_base(*options_.base, scratch.path() / "base")
                                        : make_base(scratch.path() / "base");
    if (!no_userfaultfd.empty()) {
      Snapshot snapshot = kept(record_first(base, target));
      return {std::move(snapshot), std::move(result_), 1, std::move(no_userfaultfd)};
    }
    const Snapshot served = record_first(base, scratch.path() / "served");
    Snapshot::remove(base.directory());
    std::vector<WorkingSet> recordings;
    for (unsigned i = 0; i < options_.recordings; ++i) {
      recordings.push_back(record_clone(served, Setting::lazy, input_));
    }
    const double similarity = least_similarity(recordings);
    for (const std::string& other : options_.other_inputs) {
      recordings.push_back(record_clone(served, Setting::lazy, other));
    }
    const WorkingSet touched =
        rehearse(served, WorkingSet::merge(recordings), scratch.path() / "rehearsed");
    begin("add the sets of REAP and stream");
    Snapshot snapshot = kept(served.derive(target, snapshot_options(&touched)));
    return {std::move(snapshot), std::move(result_), similarity};
  }

  // Makes the base of other recordings.
  Snapshot make_base_at(const fs::path& target) {
    if (!options_.guest.worker) {
      memory::require_pagemap();
    }
    return kept(make_base(target, !function_.empty()));
  }

 private:
  // Removes the result again if the caller has asked to stop meanwhile.
  Snapshot kept(Snapshot snapshot) const {
    if (observer_.stop.stop_requested()) {
      Snapshot::remove(snapshot.directory());
      base::check_not_stopped(observer_.stop, kRecording);
    }
    return snapshot;
  }

  void begin(const std::string& step) {
    base::check_not_stopped(observer_.stop, kRecording);
    if (observer_.step) {
      observer_.step(step);
    }
  }

  SnapshotOptions snapshot_options(const WorkingSet* set) const {
    SnapshotOptions options{
        .working_set = set, .thresholds = options_.thresholds, .compression = options_.compression};
    options.progress = [this](Bytes done, Bytes total) {
      return !observer_.stop.stop_requested() &&
             (!observer_.progress || observer_.progress(done, total));
    };
    return options;
  }

  // Makes a snapshot of a guest that is ready for its first invocation, or, if `invoked`, has had
  // it.
  Snapshot make_base(const fs::path& path, bool invoked = false) {
    VmOptions guest = options_.guest;
    if (!function_.empty() && options_.name_on_command_line) {
      guest.command_line += " faasnap.function=" + function_;
    }
    guest.command_line += function::kernel_words(options_.free_memory);
    guest.report_free_memory = options_.free_memory == FreeMemory::report;
    begin("boot the guest");
    VM vm = host_.boot(
        guest,
        {.timeout = options_.boot_timeout, .stop = observer_.stop, .network = options_.network});
    const std::stop_callback stop_guest(observer_.stop, [&vm] { vm.stop(); });
    if (invoked) {
      warm(vm);
    }
    settle(vm);
    begin(invoked ? "snapshot the guest" : "snapshot the guest before its first invocation");
    return vm.snapshot(path, snapshot_options(nullptr));
  }

  // Makes a whole snapshot of a clone of `base` that has loaded the function.
  Snapshot continue_base(const Snapshot& base, const fs::path& path) {
    begin("restore the base");
    VM vm = VM::restore(base, {.setting = Setting::lazy,
                               .root_image = options_.guest.root_image,
                               .release_free_memory = options_.free_memory == FreeMemory::report,
                               .attachments = attachments(),
                               .worker = options_.guest.worker});
    const std::stop_callback stop_guest(observer_.stop, [&vm] { vm.stop(); });
    if (options_.network) {
      host_.set_network(vm, *options_.network);
    }
    warm(vm);
    settle(vm);
    begin("snapshot the guest that has loaded the function");
    return vm.snapshot(path, snapshot_options(nullptr));
  }

  // Invokes the function once, so that it is loaded.
  void warm(VM& vm) {
    host_.attach(vm);
    begin(fmt::format("invoke {}", function_));
    result_ = host_.invoke(vm, function_, input_, {.timeout = options_.invoke_timeout}).result;
  }

  // Makes a snapshot of a guest that has run the function once, with the loading set of that
  // invocation.
  Snapshot record_first(const Snapshot& base, const fs::path& path) {
    begin("restore it from cold storage");
    if (const auto left = base.drop_caches(); left != 0) {
      base::fail(ErrorKind::unsupported, kRecording, base.directory().parent_path().parent_path(),
                 fmt::format("{} pages of a snapshot stay in the page cache, so that a recording "
                             "would have pages that are not used; its file system must be able to "
                             "drop pages",
                             left));
    }
    VM vm = VM::restore(base, {.setting = Setting::lazy,
                               .root_image = options_.guest.root_image,
                               .release_free_memory = options_.free_memory == FreeMemory::report,
                               .start = false,
                               .attachments = attachments(),
                               .worker = options_.guest.worker});
    const std::stop_callback stop_guest(observer_.stop, [&vm] { vm.stop(); });
    const WorkingSet recorded = invoke(vm, base, Recorder::mincore, input_);
    settle(vm);
    begin("snapshot the guest with its loading set");
    SnapshotOptions options = snapshot_options(&recorded);
    options.labels = options_.labels;
    options.labels["function"] = function_;
    options.labels["input"] = input_;
    options.base = options_.base ? &*options_.base : nullptr;
    return vm.snapshot(path, options);
  }

  // Returns the pages that the function uses for `input` in a clone of the snapshot that is served
  // from, except those that `setting` loads.
  WorkingSet record_clone(const Snapshot& served, Setting setting, const std::string& input) {
    VM vm = VM::restore(served, {.setting = setting,
                                 .record_accesses = AccessRecording::all,
                                 .root_image = options_.guest.root_image,
                                 .start = false,
                                 .attachments = attachments(),
                                 .worker = options_.guest.worker});
    const std::stop_callback stop_guest(observer_.stop, [&vm] { vm.stop(); });
    return invoke(vm, served, Recorder::userfaultfd, input);
  }

  // Returns what was recorded, and what a clone misses that runs as fast as those that serve.
  WorkingSet rehearse(const Snapshot& served, const WorkingSet& recorded, const fs::path& path) {
    const Snapshot rehearsed = served.derive(path, snapshot_options(&recorded));
    const WorkingSet sets[] = {recorded, record_clone(rehearsed, Setting::stream, input_)};
    Snapshot::remove(path);
    return WorkingSet::merge(sets);
  }

  // Lets the guest give up what it has freed. Before the recording, too: what the guest's kernel
  // does for it would otherwise be recorded.
  void settle(VM& vm) {
    if (options_.free_memory == FreeMemory::report) {
      begin("wait for the guest to report its free memory");
      function::settle_free_memory(vm, observer_.stop);
    }
  }

  WorkingSet invoke(VM& vm, const Snapshot& snapshot, Recorder kind, const std::string& input) {
    host_.attach(vm);
    WorkingSetRecorder recorder(snapshot, vm, {.recorder = kind});
    begin(fmt::format("invoke {} and record its pages by {}", function_, to_string(kind)));
    vm.resume();
    if (options_.network) {
      host_.set_network(vm, *options_.network);
    }
    result_ = host_.invoke(vm, function_, input, {.timeout = options_.invoke_timeout}).result;
    return recorder.finish();
  }

  // Two VMs cannot share a socket; the clones go without.
  VmAttachments attachments() const {
    VmAttachments attachments = options_.guest.attachments;
    attachments.vsock_socket.clear();
    return attachments;
  }

  FunctionHost& host_;
  const FunctionRecorderOptions& options_;
  const std::string& function_;
  const std::string input_;
  const RecordingObserver& observer_;
  std::string result_;
};

// Calls `make`. A request to stop ends the guest, and with it whatever waits for the guest: the
// error is then ErrorKind::cancelled.
template <typename Make>
auto until_stopped(const RecordingObserver& observer, Make make) {
  try {
    return make();
  } catch (const Error&) {
    base::check_not_stopped(observer.stop, kRecording);
    throw;
  }
}

}  // namespace

FunctionRecorder::FunctionRecorder(FunctionHost& host, FunctionRecorderOptions options)
    : host_(&host), options_(std::move(options)) {
  if (options_.recordings == 0) {
    base::fail(ErrorKind::invalid_argument, kRecording, {},
               "number of recordings is 0, expected at least 1");
  }
}

bool FunctionRecorder::is_function_name(std::string_view name) noexcept {
  const auto is_letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= kLongestName && is_letter_or_digit(name.front()) &&
         std::ranges::all_of(name, [&](char c) {
           return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

RecordedFunction FunctionRecorder::record(const std::string& function, const std::string& input,
                                          const fs::path& path,
                                          const RecordingObserver& observer) const {
  if (!is_function_name(function)) {
    base::fail(ErrorKind::invalid_argument, kRecording, {}, "invalid function name");
  }
  const fs::path target = target_at(path);
  return until_stopped(observer, [&] {
    return Recording(*host_, options_, function, input, observer).make(target);
  });
}

Snapshot FunctionRecorder::make_base(const fs::path& path, const std::string& function,
                                     const std::string& input,
                                     const RecordingObserver& observer) const {
  if (!function.empty() && !is_function_name(function)) {
    base::fail(ErrorKind::invalid_argument, kRecording, {}, "invalid function name");
  }
  if (options_.base) {
    base::fail(ErrorKind::invalid_argument, kRecording, {}, "a base is made of a guest that boots");
  }
  const fs::path target = target_at(path);
  return until_stopped(observer, [&] {
    return Recording(*host_, options_, function, input, observer).make_base_at(target);
  });
}

}  // namespace faasnap
