// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>
#include <vector>

#include <faasnap/function_host.h>
#include <faasnap/page_load.h>
#include <faasnap/trace.h>
#include <faasnap/vm_stats.h>
#include <faasnap/working_set.h>

#include "tools/json.h"

namespace faasnap::cli {

// Puts the spans of one invocation into a trace, named as in docs/reference/tracing.md. All of them
// are parts of one span that begins with the request.
class InvocationSpans {
 public:
  // The trace must outlive it.
  InvocationSpans(Trace& trace, std::map<std::string, std::string> tags);

  // Returns the context for the request to the guest.
  TraceContext for_guest() const { return {trace_.id(), invoke_}; }

  // Adds the opening of the snapshot, before the request.
  void add_open(Nanoseconds start, Nanoseconds duration);
  // Adds the set-up of the VM, from the request until it can be asked.
  void add_setup(Nanoseconds start, Nanoseconds duration);
  // Adds the steps of a restore. The steps of a prepared VM began at `made`, before the request.
  void add_restore(Nanoseconds made, Nanoseconds start, const RestoreStats& stats);
  // Adds the loads of this restore, by the groups of the recorded pages, and the first touches of
  // these groups in the recording.
  void add_groups(Nanoseconds start, const RestoreStats& stats, const std::vector<PageLoad>& loads,
                  const WorkingSet& recorded);
  // Adds the invocation, from the call to the reply, whose first byte came after `first_byte`.
  void add_invoke(Nanoseconds start, Nanoseconds duration, Nanoseconds first_byte);
  // Adds the guest's own times. Since its clock is not the host's, they end with the first byte of
  // the reply.
  void add_guest(Nanoseconds first_byte, const FunctionReply& reply);
  // Adds the span of the whole. Must be called last.
  void finish(Nanoseconds start, Nanoseconds end);

 private:
  SpanId add(std::string name, Nanoseconds start, Nanoseconds duration,
             std::map<std::string, std::string> tags = {}, SpanId parent = 0);

  Trace& trace_;
  const SpanId whole_;
  const SpanId invoke_;
  SpanId setup_ = 0;
  std::map<std::string, std::string> tags_;
};

// Returns the spans as the field `spans` of docs/reference/results-format.md. Starts count from the
// request, with which the span of the whole begins.
tools::Json spans_to_json(const Trace& trace);

}  // namespace faasnap::cli
