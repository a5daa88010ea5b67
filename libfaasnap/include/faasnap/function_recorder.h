// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/compression.h>
#include <faasnap/export.h>
#include <faasnap/free_memory.h>
#include <faasnap/function_host.h>
#include <faasnap/network_config.h>
#include <faasnap/progress.h>
#include <faasnap/snapshot.h>
#include <faasnap/units.h>
#include <faasnap/vm_options.h>

namespace faasnap {

// What a FunctionRecorder makes snapshots of, and how.
struct FunctionRecorderOptions {
  // ---- What changes behaviour.

  // The guest to boot. The recorder adds what it needs to the command line, and sets
  // `report_free_memory` as `free_memory` says.
  VmOptions guest{};
  // True: the recorder adds the function's name to the kernel command line, so that a guest with
  // several functions loads that one ahead. False: the image says itself what it runs.
  bool name_on_command_line = true;
  // Labels of the snapshot, beside "function" and "input", which the recorder sets.
  std::map<std::string, std::string> labels{};
  // Time for booting, and for each invocation.
  Nanoseconds boot_timeout = BootOptions{}.timeout;
  Nanoseconds invoke_timeout = InvokeOptions{}.timeout;
  // What the guest's network has at boot and, set anew, in each clone (VmAttachments::network).
  std::optional<NetworkConfig> network{};

  // ---- What changes the performance of later restores.

  // How freed memory is kept out of the snapshot. Reporting costs the recording a wait, about 35 s
  // for 2 GiB; zeroing costs every later invocation.
  FreeMemory free_memory = FreeMemory::report;
  // How often the function is invoked for the recording by userfaultfd; at least 1. Each further
  // invocation finds pages that not every one uses, and takes as long as a restore without help.
  unsigned recordings = 1;
  // Other inputs, JSON objects. The recording by userfaultfd invokes the function once with each,
  // so that the sets of REAP and stream have what those use as well: larger sets, and fewer misses.
  std::vector<std::string> other_inputs{};
  LoadingSetThresholds thresholds{};
  // That of the stream set (SnapshotOptions::compression).
  Compression compression = Compression::none;
  // A snapshot of a guest of the same image that is ready and has not run the function (make_base).
  // If there is one, the function is recorded in a clone of it instead of a guest that is booted,
  // after one invocation that is not recorded, and the new snapshot is a layer over it. `guest`
  // then says only where the image, the attachments and the worker are.
  std::optional<Snapshot> base{};
};

// How a caller follows a recording, and ends it. Everything may be empty.
struct RecordingObserver {
  // Called at the start of each step with what it does, for example "boot the guest", on the thread
  // that records. What it throws ends the recording.
  std::function<void(std::string_view step)> step{};
  // Called while a step writes a file, with the bytes of that file; returning false ends the
  // recording with ErrorKind::cancelled.
  Progress progress{};
  // Ends the guest of the moment, and the recording with ErrorKind::cancelled.
  std::stop_token stop{};
};

struct RecordedFunction {
  Snapshot snapshot;
  // What the function returned last for the input, a JSON text.
  std::string result;
  // The least similarity between two consecutive recordings of the input by userfaultfd
  // (WorkingSet::similarity); 1 if there is one only.
  double similarity = 1;
  // Empty if the function was recorded both ways. Otherwise the reason why userfaultfd could not be
  // had: the snapshot then lacks what Setting::reap and Setting::stream need.
  std::string no_userfaultfd{};
};

// Makes of the images of a guest the snapshots that functions are served from, with the sets of
// every setting. Needs KVM, and a file system whose pages can be dropped from the page cache (not
// tmpfs).
//
// A function is recorded twice over: by mincore in a guest that has never run it (FaaSnap, section
// 4.4), and by userfaultfd in clones of the snapshot that it is then served from. The last of these
// is restored with Setting::stream, and adds what the others have missed. Where this process may
// not use userfaultfd, the recording by mincore alone is kept.
//
// Safe from any thread; recordings of several functions may run at the same time.
class FAASNAP_EXPORT FunctionRecorder {
 public:
  // `host` must outlive the recorder.
  FunctionRecorder(FunctionHost& host, FunctionRecorderOptions options);

  // True for the name of an image and of a function of one: 1 to 64 letters, digits, ".", "_" and
  // "-", the first a letter or a digit.
  static bool is_function_name(std::string_view name) noexcept;

  // Records `function` with the JSON object `input`, and leaves the snapshot in the new directory
  // `path`. Everything else that it makes lies in a temporary directory beside `path`, and is gone
  // when the call returns or throws; a call that throws leaves no snapshot either.
  //
  // Throws what FunctionHost and Snapshot throw, and ErrorKind::cancelled. Before the guest boots
  // it throws ErrorKind::already_exists if there is something at `path`, ErrorKind::not_found if it
  // is not in a directory, and ErrorKind::unsupported if the directory's file system keeps pages in
  // the page cache that are to be dropped.
  RecordedFunction record(const std::string& function, const std::string& input,
                          const std::filesystem::path& path,
                          const RecordingObserver& observer = {}) const;

  // Boots the guest and leaves a snapshot of it in the new directory `path`: the base of the
  // functions of its image. If `function` is not empty, it is invoked once with `input` before, so
  // that what it loads is in the base: the language's runtime, and modules that functions share.
  // Throws as record, and ErrorKind::invalid_argument if FunctionRecorderOptions::base is set.
  Snapshot make_base(const std::filesystem::path& path, const std::string& function = {},
                     const std::string& input = "{}", const RecordingObserver& observer = {}) const;

 private:
  FunctionHost* host_;
  FunctionRecorderOptions options_;
};

}  // namespace faasnap
