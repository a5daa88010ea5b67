#pragma once

#include <filesystem>

#include <faasnap/setting.h>
#include <faasnap/vm_options.h>

namespace faasnap {

// How to restore a VM.
struct RestoreOptions {
  // Any but warm and boot.
  Setting setting = Setting::lazy;
  // For a WorkingSetRecorder with Recorder::userfaultfd. With the setting lazy every first touch of
  // a page goes through a handler that notes it, which is slow; with stream those do that the
  // snapshot's stream set does not have. No other setting goes with it.
  bool record_accesses = false;
  // Takes the place of the root image that the snapshot names; empty: that one. Must be the same
  // bytes.
  std::filesystem::path root_image{};
  // Whether free memory that the guest reports (VmOptions::report_free_memory) goes back to the
  // host and is holes in the next snapshot. Reports of a VM that serves requests are answered and
  // otherwise ignored by default: a page that is given back costs a fault when it is used again.
  bool release_free_memory = false;
  // Enter installed pages (settings reap and stream) into the second-stage page tables, too, so
  // that the guest's first touch of them is no exit, where the kernel can (KVM_PRE_FAULT_MEMORY,
  // Linux 6.11; elsewhere without effect). RestoreStats::prefilled_pages says what came of it.
  bool prefill = true;
  // False: the VM stays paused until VM::resume.
  bool start = true;
  VmAttachments attachments{};
};

}  // namespace faasnap
