#pragma once

#include <map>
#include <string>
#include <vector>

#include <faasnap/function_host.h>
#include <faasnap/page_load.h>
#include <faasnap/trace.h>
#include <faasnap/vm_stats.h>
#include <faasnap/working_set.h>

#include "output/json.h"

namespace faasnap::cli {

// Puts the spans of one invocation into a trace, by the names of docs/reference/tracing.md: all of
// them parts of one span that begins with the request.
class InvocationSpans {
 public:
  // The trace must outlive it.
  InvocationSpans(Trace& trace, std::map<std::string, std::string> tags);

  // What the guest is told with the request.
  TraceContext for_guest() const { return {trace_.id(), invoke_}; }

  // Of the snapshot, before the request.
  void add_open(Nanoseconds start, Nanoseconds duration);
  // The VM made: from the request until it can be asked.
  void add_setup(Nanoseconds start, Nanoseconds duration);
  // The steps of a restore. That of a prepared VM began at `made`, before the request.
  void add_restore(Nanoseconds made, Nanoseconds start, const RestoreStats& stats);
  // What the same restore has loaded, by the groups in which the pages were recorded, and when
  // these were touched first then.
  void add_groups(Nanoseconds start, const RestoreStats& stats, const std::vector<PageLoad>& loads,
                  const WorkingSet& recorded);
  // From asking to the reply, whose first byte came after `first_byte`.
  void add_invoke(Nanoseconds start, Nanoseconds duration, Nanoseconds first_byte);
  // The guest's own times. Its clock is not the host's: they are put where they must have ended, at
  // the first byte of the reply.
  void add_guest(Nanoseconds first_byte, const FunctionReply& reply);
  // The whole; last.
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

// The spans as the field `spans` of docs/reference/results-format.md: starts count from the
// request, which is where the span of the whole begins.
Json spans_to_json(const Trace& trace);

}  // namespace faasnap::cli
