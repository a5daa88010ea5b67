// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <faasnap/function_host.h>
#include <faasnap/guest_limits.h>
#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>
#include <faasnap/store_account.h>
#include <faasnap/trace.h>
#include <faasnap/vm_stats.h>
#include <faasnap/working_set.h>

#include "run/cached_pages.h"
#include "run/guest_network.h"
#include "run/invocation_spans.h"
#include "settings/disk_settings.h"
#include "tools/json.h"
#include "tools/origin.h"

namespace faasnap::cli {

// The function to invoke, and how, any number of times.
struct InvocationPlan {
  Snapshot snapshot;
  // Where each VM comes from.
  tools::Origin origin = Setting::lazy;
  std::string function;
  tools::Json input;
  // The input of the recording, which the warm setting uses for an invocation beforehand.
  tools::Json record_input;
  // Replaces the root image that the snapshot names; may be empty.
  std::filesystem::path root_image;
  // The directories that the images may be in that the snapshot names.
  std::vector<std::filesystem::path> image_directories;
  bool drop_caches = false;
  // True if the VM is prepared before the request, with which the measurement begins.
  bool prepared = false;
  bool prefill = true;
  // The worker of the first VM, later ones get others; nothing if the VMs are in this process.
  std::optional<WorkerOptions> worker{};
  // The recording whose groups appear in the spans; empty if no spans are wanted.
  std::optional<WorkingSet> recorded{};
  // When opening the snapshot began, since the Unix epoch, and how long it took.
  Nanoseconds opened{0};
  Nanoseconds opening{0};
  // What each guest may spend.
  GuestLimits limits{};
  // Where the scratch files of each VM are; empty for the library's default.
  std::filesystem::path scratch_directory{};
  // The disks of a VM that is booted, besides its root disk.
  GuestDisks disks{};
  // The network of each VM.
  NetworkChoice network{};
  // File for a recording of the invocation by userfaultfd, or empty. Only with the setting lazy.
  std::filesystem::path recording{};
  // Directory for notes of the pages that invocations miss, or empty. Only with the setting stream.
  std::filesystem::path miss_notes{};
};

// Returns the time since the Unix epoch.
Nanoseconds epoch_now();

// The measurements of one invocation.
struct InvocationRecord {
  // Time until the VM can be asked, without `prepare`; zero for a warm VM.
  Nanoseconds setup{0};
  // Time of VM::prepare, if that came before the request.
  Nanoseconds prepare{0};
  // The part of the set-up in which the guest was given its network.
  Nanoseconds network{0};
  // Time from the invocation to the reply.
  Nanoseconds invoke{0};
  // Faults and reads of this invocation, memory at its end.
  FaultStats faults;
  MemoryUsage memory;
  PrefetchStats prefetch;
  LimitHits limits;
  RestoreStats restore;
  // What the guest has used of the store; of a cold boot nothing is told.
  StoreUse store;
  // Pages of the snapshot in the page cache before the restore: 0 proves a cold start.
  CachedPages cached_before;
  // See VmStats.
  bool io_uring = true;
  // Times by the guest's own clock: the function alone, and from the request's head to the reply.
  Nanoseconds handler{0};
  Nanoseconds agent{0};
  tools::Json result;
};

// Runs invocations of one plan.
class Invoker {
 public:
  // `host` must outlive the invoker. `stop` ends the current VM, and the invocation with it.
  Invoker(InvocationPlan plan, FunctionHost& host, std::stop_token stop);
  ~Invoker();

  // Adds the spans of the invocation to `trace`.
  InvocationRecord run(Trace& trace);

 private:
  struct Warm;

  std::optional<WorkerOptions> next_worker();
  InvocationRecord run_restored(Setting setting, Trace& trace);
  InvocationRecord run_booted(Trace& trace);
  InvocationRecord run_warm(Trace& trace);
  // Writes what was recorded to where the plan says.
  void keep(const WorkingSet& recorded) const;
  Nanoseconds set_network(VM& vm);
  void invoke(VM& vm, InvocationRecord& record, InvocationSpans& spans);

  InvocationPlan plan_;
  FunctionHost& host_;
  std::stop_token stop_;
  bool used_worker_ = false;
  // True if the snapshot's opening is part of the next trace.
  bool first_ = true;
  std::unique_ptr<Warm> warm_;
};

}  // namespace faasnap::cli
