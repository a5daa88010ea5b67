// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include <faasnap/monotonic_clock.h>
#include <faasnap/page_access.h>
#include <faasnap/setting.h>
#include <faasnap/vm_options.h>

namespace faasnap {

// How to restore a VM. Plain data; the same options may serve any number of restores.
struct RestoreOptions {
  // ---- What changes performance: the guest computes the same in any case.

  // How the VM gets its memory. `lazy` works with every snapshot; the others need what recordings
  // made (Snapshot::plan says what is missing), and cost reads and memory for recorded pages that
  // this guest does not use.
  Setting setting = Setting::lazy;
  // True: pages that a setting installs (reap, stream) are also entered into the second-stage page
  // tables, so that the guest's first touch of them is no exit (KVM_PRE_FAULT_MEMORY, Linux 6.11;
  // no effect elsewhere). Costs some microseconds of a loading thread for each run of pages.
  // RestoreStats::prefilled_pages counts them.
  bool prefill = true;

  // ---- What changes behaviour.

  // The touches that are noted for a WorkingSetRecorder with Recorder::userfaultfd. `misses` goes
  // with Setting::stream, `all` with Setting::lazy, where it is every first touch, and with
  // Setting::stream, where it is those of pages that the snapshot's stream set lacks. Other
  // settings: ErrorKind::invalid_argument.
  AccessRecording record_accesses = AccessRecording::none;
  // The root image to use in place of the one that the snapshot names, with the same bytes. Empty:
  // the one that the snapshot names, if `image_directories` allow it.
  std::filesystem::path root_image{};
  // The directories that images may be in. A snapshot names the file that is its guest's disk, and
  // the guest can read all of it: whoever can place a snapshot could otherwise show a guest any
  // file that this process can read. A name is used only if the file lies below one of these, links
  // resolved. "/" allows every file. Empty: a snapshot with a root image needs `root_image`.
  std::vector<std::filesystem::path> image_directories{};
  // True: free memory that the guest reports (VmOptions::report_free_memory) goes back to the host
  // and becomes holes in the next snapshot. This costs the guest a fault for each page that it uses
  // again, so a VM that serves requests leaves it false, and reports are answered but ignored.
  bool release_free_memory = false;
  MonotonicClock clock = MonotonicClock::continued;
  // False: the VM stays paused until VM::resume.
  bool start = true;
  VmAttachments attachments{};
  // A process of its own for the VM. Nothing: the VM is in this process.
  std::optional<WorkerOptions> worker{};
};

}  // namespace faasnap
