// SPDX-License-Identifier: Apache-2.0

#include "run/invocation_spans.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

namespace faasnap::cli {
namespace {

using std::chrono::milliseconds;

constexpr Nanoseconds kRequest = std::chrono::hours(500'000);

// The first span of that name.
Span find(const Trace& trace, const std::string& name) {
  const auto spans = trace.spans();
  const auto found =
      std::find_if(spans.begin(), spans.end(), [&](const Span& span) { return span.name == name; });
  INFO(name);
  REQUIRE(found != spans.end());
  return *found;
}

bool has(const Trace& trace, const std::string& name) {
  const auto spans = trace.spans();
  return std::any_of(spans.begin(), spans.end(),
                     [&](const Span& span) { return span.name == name; });
}

RestoreStats restore_stats() {
  RestoreStats stats;
  stats.create = milliseconds(1);
  stats.map = milliseconds(2);
  stats.state = milliseconds(3);
  stats.start = milliseconds(4);
  stats.first_instruction = milliseconds(11);
  return stats;
}

TEST_CASE("every span of an invocation is a part of it, at some depth") {
  Trace trace;
  InvocationSpans spans(trace, {{"setting", "stream"}});
  spans.add_open(kRequest - milliseconds(5), milliseconds(4));
  spans.add_setup(kRequest, milliseconds(12));
  spans.add_restore(kRequest, kRequest, restore_stats());
  spans.add_invoke(kRequest + milliseconds(12), milliseconds(20), milliseconds(15));
  spans.add_guest(kRequest + milliseconds(27),
                  {.handler = Nanoseconds(1000), .agent = Nanoseconds(3000)});
  spans.finish(kRequest, kRequest + milliseconds(32));
  const SpanId whole = find(trace, "invocation").id;
  const SpanId setup = find(trace, "set up").id;
  const SpanId invoke = find(trace, "invoke").id;
  CHECK(find(trace, "invocation").parent == 0);
  CHECK(find(trace, "invocation").tags.at("setting") == "stream");
  for (const char* name : {"open", "set up", "first instruction", "invoke"}) {
    CHECK(find(trace, name).parent == whole);
  }
  for (const char* name : {"create", "map", "set state", "start"}) {
    CHECK(find(trace, name).parent == setup);
  }
  for (const char* name : {"first byte", "reply", "agent"}) {
    CHECK(find(trace, name).parent == invoke);
  }
  CHECK(find(trace, "handler").parent == find(trace, "agent").id);
}

TEST_CASE("the steps of a restore follow one another from the request on") {
  Trace trace;
  InvocationSpans spans(trace, {});
  spans.add_setup(kRequest, milliseconds(12));
  spans.add_restore(kRequest, kRequest, restore_stats());
  CHECK(find(trace, "create").start == kRequest);
  CHECK(find(trace, "map").start == kRequest + milliseconds(1));
  CHECK(find(trace, "set state").start == kRequest + milliseconds(3));
  CHECK(find(trace, "start").start == kRequest + milliseconds(6));
  CHECK(find(trace, "first instruction").start == kRequest + milliseconds(11));
  CHECK_FALSE(has(trace, "prepare"));
}

TEST_CASE("a VM that was prepared was made before the request") {
  Trace trace;
  InvocationSpans spans(trace, {});
  RestoreStats stats = restore_stats();
  stats.prepared = true;
  const Nanoseconds made = kRequest - milliseconds(100);
  spans.add_setup(kRequest, milliseconds(5));
  spans.add_restore(made, kRequest, stats);
  CHECK(find(trace, "prepare").start == made);
  CHECK(find(trace, "prepare").duration == milliseconds(6));
  CHECK(find(trace, "set state").parent == find(trace, "prepare").id);
  CHECK(find(trace, "set state").start == made + milliseconds(3));
  CHECK(find(trace, "start").start == kRequest);
  CHECK(find(trace, "start").parent == find(trace, "set up").id);
}

TEST_CASE("a group's load lasts from its first page to its last, whatever comes between") {
  Trace trace;
  InvocationSpans spans(trace, {});
  const WorkingSet recorded("id", 1_MiB, {{{{0}, 4}}, {{{8}, 2}}, {{{100}, 1}}});
  spans.add_groups(kRequest, restore_stats(),
                   {{{{8}, 1}, milliseconds(10)},
                    {{{2}, 7}, milliseconds(20)},  // pages 2 and 3 of group 0, 8 of group 1
                    {{{0}, 1}, milliseconds(35)},
                    {{{200}, 9}, milliseconds(50)}},  // in no group
                   recorded);
  std::vector<Span> loads;
  for (const Span& span : trace.spans()) {
    if (span.name == "load") {
      loads.push_back(span);
    }
  }
  REQUIRE(loads.size() == 2);
  // Loading begins when the restore's state is set: after create, map and set state.
  const Nanoseconds begin = kRequest + milliseconds(6);
  CHECK(loads[0].tags == std::map<std::string, std::string>{{"group", "0"}, {"pages", "3"}});
  CHECK(loads[0].start == begin + milliseconds(20));
  CHECK(loads[0].duration == milliseconds(15));
  CHECK(loads[1].tags == std::map<std::string, std::string>{{"group", "1"}, {"pages", "2"}});
  CHECK(loads[1].start == begin + milliseconds(10));
  CHECK(loads[1].duration == milliseconds(10));
  CHECK_FALSE(has(trace, "first touch"));
}

TEST_CASE("where touches were recorded, each group has the moment of its first one") {
  Trace trace;
  InvocationSpans spans(trace, {});
  const auto recorded = WorkingSet::from_accesses("id", 1_MiB,
                                                  {{.page = {7}, .time = milliseconds(1)},
                                                   {.page = {3}, .time = milliseconds(2)},
                                                   {.page = {9}, .time = milliseconds(30)}},
                                                  2);
  spans.add_groups(kRequest, restore_stats(), {}, recorded);
  std::vector<Nanoseconds> touches;
  for (const Span& span : trace.spans()) {
    CHECK(span.name == "first touch");
    CHECK(span.duration == Nanoseconds(0));
    touches.push_back(span.start - kRequest);
  }
  // Counted from the first instruction.
  CHECK(touches == std::vector<Nanoseconds>{milliseconds(12), milliseconds(41)});
}

TEST_CASE("the guest's spans end with the first byte of its reply") {
  Trace trace;
  InvocationSpans spans(trace, {});
  spans.add_guest(kRequest, {.handler = Nanoseconds(1000), .agent = Nanoseconds(3000)});
  for (const char* name : {"agent", "handler"}) {
    const Span span = find(trace, name);
    CHECK(span.start + span.duration == kRequest);
    CHECK(span.service == "guest");
  }
  CHECK(find(trace, "agent").duration == Nanoseconds(3000));
  CHECK(find(trace, "handler").duration == Nanoseconds(1000));
}

TEST_CASE("an agent that returns this trace's ids has worked for it") {
  Trace trace;
  InvocationSpans spans(trace, {});
  const TraceContext asked = spans.for_guest();
  CHECK(asked.trace == trace.id());
  const auto traced_by = [&](const TraceContext& caller) {
    spans.add_guest(kRequest, {.caller = caller});
    const auto all = trace.spans();
    const auto agent = std::find_if(all.rbegin(), all.rend(),
                                    [](const Span& span) { return span.name == "agent"; });
    return agent->tags.contains("traced");
  };
  CHECK(traced_by(asked));
  CHECK_FALSE(traced_by({}));
  CHECK_FALSE(traced_by({Trace().id(), asked.span}));
  CHECK_FALSE(traced_by({asked.trace, asked.span + 1}));
}

TEST_CASE("in a record the spans count from the request, which is the record's own") {
  Trace trace;
  InvocationSpans spans(trace, {});
  spans.add_open(kRequest - Nanoseconds(500), Nanoseconds(400));
  spans.add_setup(kRequest, Nanoseconds(300));
  spans.finish(kRequest, kRequest + Nanoseconds(900));
  const tools::Json json = spans_to_json(trace);
  REQUIRE(json.size() == 2);
  CHECK(json[0]["name"] == "open");
  CHECK(json[0]["start_ns"] == -500);
  CHECK(json[0]["duration_ns"] == 400);
  CHECK(json[1]["name"] == "set up");
  CHECK(json[1]["start_ns"] == 0);
}

}  // namespace
}  // namespace faasnap::cli
