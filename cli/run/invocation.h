#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <faasnap/function_host.h>
#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>
#include <faasnap/trace.h>
#include <faasnap/vm_stats.h>
#include <faasnap/working_set.h>

#include "output/json.h"
#include "run/invocation_spans.h"
#include "tools/origin.h"

namespace faasnap::cli {

// What is invoked, again and again.
struct InvocationPlan {
  Snapshot snapshot;
  // Where each VM comes from.
  tools::Origin origin = Setting::lazy;
  std::string function;
  Json input;
  // What the function was recorded with; the warm setting invokes it with that once before.
  Json record_input;
  // Takes the place of the root image that the snapshot names; may be empty.
  std::filesystem::path root_image;
  bool drop_caches = false;
  // Whether the VM is prepared before the request comes, and what is measured begins.
  bool prepared = false;
  bool prefill = true;
  // The recording whose groups the spans tell of; none where no spans are wanted.
  std::optional<WorkingSet> recorded{};
  // When opening the snapshot began, since the epoch, and how long it took.
  Nanoseconds opened{0};
  Nanoseconds opening{0};
  // Where the recording of an invocation goes, by userfaultfd; nowhere if empty. With the setting
  // lazy only.
  std::filesystem::path recording{};
};

// The time since the Unix epoch.
Nanoseconds epoch_now();

// What one invocation took.
struct InvocationRecord {
  // Until the VM can be asked; zero for a warm one, and without `prepare`.
  Nanoseconds setup{0};
  // VM::prepare, where it came before the request.
  Nanoseconds prepare{0};
  // From asking to the reply.
  Nanoseconds invoke{0};
  // Faults and reads of this invocation, memory at its end.
  FaultStats faults;
  MemoryUsage memory;
  PrefetchStats prefetch;
  RestoreStats restore;
  // Pages of the snapshot in the page cache before: 0 proves a cold start.
  std::uint64_t cached_pages_before = 0;
  // The guest's own clock: the function alone, and from the request's head to the reply.
  Nanoseconds handler{0};
  Nanoseconds agent{0};
  Json result;
};

// Runs invocations of one plan.
class Invoker {
 public:
  // `host` must outlive the invoker. `stop` ends the VM of the moment, and the invocation with it.
  Invoker(InvocationPlan plan, FunctionHost& host, std::stop_token stop);
  ~Invoker();

  // The spans of the invocation are added to `trace`.
  InvocationRecord run(Trace& trace);

 private:
  struct Warm;

  InvocationRecord run_restored(Setting setting, Trace& trace);
  InvocationRecord run_booted(Trace& trace);
  InvocationRecord run_warm(Trace& trace);
  void invoke(VM& vm, InvocationRecord& record, InvocationSpans& spans);

  InvocationPlan plan_;
  FunctionHost& host_;
  std::stop_token stop_;
  // Whether the snapshot's opening is part of the next trace.
  bool first_ = true;
  std::unique_ptr<Warm> warm_;
};

}  // namespace faasnap::cli
