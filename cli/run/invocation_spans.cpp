// SPDX-License-Identifier: Apache-2.0

#include "run/invocation_spans.h"

#include <algorithm>
#include <cstdint>

namespace faasnap::cli {
namespace {

constexpr const char* kWhole = "invocation";

// The time in which the pages of one group were loaded.
struct GroupLoad {
  Nanoseconds first = Nanoseconds::max();
  Nanoseconds last{0};
  std::uint64_t pages = 0;
};

// Finds the group of a page.
class GroupOfPage {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  explicit GroupOfPage(const WorkingSet& set) : groups_(set.memory().pages(), kNone) {
    for (std::uint32_t group = 0; group < set.groups().size(); ++group) {
      for (const PageRange& range : set.groups()[group]) {
        std::fill_n(groups_.begin() + static_cast<std::ptrdiff_t>(range.first.value), range.count,
                    group);
      }
    }
  }
  std::uint32_t operator()(std::uint64_t page) const {
    return page < groups_.size() ? groups_[page] : kNone;
  }

 private:
  std::vector<std::uint32_t> groups_;
};

std::vector<GroupLoad> loads_by_group(const std::vector<PageLoad>& loads, const WorkingSet& set) {
  const GroupOfPage group_of(set);
  std::vector<GroupLoad> groups(set.groups().size());
  for (const PageLoad& load : loads) {
    for (std::uint64_t i = 0; i < load.pages.count; ++i) {
      const std::uint32_t group = group_of(load.pages.first.value + i);
      if (group != GroupOfPage::kNone) {
        GroupLoad& of = groups[group];
        of.first = std::min(of.first, load.time);
        of.last = std::max(of.last, load.time);
        ++of.pages;
      }
    }
  }
  return groups;
}

// Returns the time at which each group was first touched in the recording.
std::vector<Nanoseconds> touches_by_group(const WorkingSet& set) {
  const GroupOfPage group_of(set);
  std::vector<Nanoseconds> touches(set.groups().size(), Nanoseconds::max());
  for (const PageAccess& access : set.accesses()) {
    const std::uint32_t group = group_of(access.page.value);
    if (group != GroupOfPage::kNone) {
      touches[group] = std::min(touches[group], access.time);
    }
  }
  return touches;
}

}  // namespace

InvocationSpans::InvocationSpans(Trace& trace, std::map<std::string, std::string> tags)
    : trace_(trace), whole_(trace.new_span()), invoke_(trace.new_span()), tags_(std::move(tags)) {}

SpanId InvocationSpans::add(std::string name, Nanoseconds start, Nanoseconds duration,
                            std::map<std::string, std::string> tags, SpanId parent) {
  return trace_.add({.name = std::move(name),
                     .start = start,
                     .duration = duration,
                     .tags = std::move(tags),
                     .parent = parent == 0 ? whole_ : parent});
}

void InvocationSpans::add_open(Nanoseconds start, Nanoseconds duration) {
  add("open", start, duration);
}

void InvocationSpans::add_setup(Nanoseconds start, Nanoseconds duration) {
  setup_ = add("set up", start, duration);
}

void InvocationSpans::add_restore(Nanoseconds made, Nanoseconds start, const RestoreStats& stats) {
  Nanoseconds step = start;
  SpanId parent = setup_;
  if (stats.prepared) {
    step = made + stats.preload;
    parent = add("prepare", step, stats.create + stats.map + stats.state);
  }
  for (const auto& [name, duration] :
       {std::pair{"create", stats.create}, {"map", stats.map}, {"set state", stats.state}}) {
    add(name, step, duration, {}, parent);
    step += duration;
  }
  add("start", stats.prepared ? start : step, stats.start, {}, setup_);
  if (stats.first_instruction != Nanoseconds(0)) {
    add("first instruction", start + stats.first_instruction, Nanoseconds(0));
  }
}

void InvocationSpans::add_groups(Nanoseconds start, const RestoreStats& stats,
                                 const std::vector<PageLoad>& loads, const WorkingSet& recorded) {
  const Nanoseconds load_start =
      stats.prepared ? start : start + stats.create + stats.map + stats.state;
  const Nanoseconds run_start = start + stats.first_instruction;
  const auto groups = loads_by_group(loads, recorded);
  for (std::size_t group = 0; group < groups.size(); ++group) {
    const GroupLoad& load = groups[group];
    if (load.pages != 0) {
      add("load", load_start + load.first, load.last - load.first,
          {{"group", std::to_string(group)}, {"pages", std::to_string(load.pages)}});
    }
  }
  const auto touches = touches_by_group(recorded);
  for (std::size_t group = 0; group < touches.size(); ++group) {
    if (touches[group] != Nanoseconds::max()) {
      add("first touch", run_start + touches[group], Nanoseconds(0),
          {{"group", std::to_string(group)}, {"when", "as recorded"}});
    }
  }
}

void InvocationSpans::add_invoke(Nanoseconds start, Nanoseconds duration, Nanoseconds first_byte) {
  trace_.add(
      {.name = "invoke", .start = start, .duration = duration, .id = invoke_, .parent = whole_});
  add("first byte", start + first_byte, Nanoseconds(0), {}, invoke_);
  add("reply", start + first_byte, duration - first_byte, {}, invoke_);
}

void InvocationSpans::add_guest(Nanoseconds first_byte, const FunctionReply& reply) {
  std::map<std::string, std::string> tags{{"clock", "guest"}};
  // An agent that knows the headers echoes them, which proves that it worked for this span.
  if (reply.caller.trace == trace_.id() && reply.caller.span == invoke_) {
    tags["traced"] = "yes";
  }
  const SpanId agent = trace_.add({.name = "agent",
                                   .start = first_byte - reply.agent,
                                   .duration = reply.agent,
                                   .tags = std::move(tags),
                                   .parent = invoke_,
                                   .service = "guest"});
  trace_.add({.name = "handler",
              .start = first_byte - reply.handler,
              .duration = reply.handler,
              .tags = {{"clock", "guest"}},
              .parent = agent,
              .service = "guest"});
}

void InvocationSpans::finish(Nanoseconds start, Nanoseconds end) {
  trace_.add(
      {.name = kWhole, .start = start, .duration = end - start, .tags = tags_, .id = whole_});
}

tools::Json spans_to_json(const Trace& trace) {
  const auto spans = trace.spans();
  const auto whole = std::find_if(spans.begin(), spans.end(),
                                  [](const Span& span) { return span.name == kWhole; });
  const Nanoseconds request = whole == spans.end() ? Nanoseconds(0) : whole->start;
  tools::Json array = tools::Json::array();
  for (const Span& span : spans) {
    if (span.name == kWhole) {
      continue;  // the record itself
    }
    array.push_back({{"name", span.name},
                     {"start_ns", (span.start - request).count()},
                     {"duration_ns", span.duration.count()},
                     {"tags", span.tags}});
  }
  return array;
}

}  // namespace faasnap::cli
