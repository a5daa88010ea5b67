// SPDX-License-Identifier: Apache-2.0

#include "replay/trace/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace faasnap::bench {
namespace {

constexpr std::uint64_t kGroupPages = 1024;

WorkingSet::Group runs_of(std::vector<PageIndex> pages) {
  std::sort(pages.begin(), pages.end());
  WorkingSet::Group group;
  for (const PageIndex page : pages) {
    if (group.empty() || group.back().end() != page) {
      group.push_back({page, 0});
    }
    ++group.back().count;
  }
  return group;
}

}  // namespace

Recording perfect_recording(const Trace& trace, std::uint64_t unpredicted) {
  const auto count = static_cast<std::uint64_t>(
      std::count_if(trace.accesses.begin(), trace.accesses.end(),
                    [](const PageAccess& access) { return !access.zero; }));
  if (unpredicted > count) {
    throw std::invalid_argument(
        fmt::format("{}: {} unpredicted pages of {}", trace.name, unpredicted, count));
  }
  Recording recording;
  std::uint64_t seen = 0;
  for (const PageAccess& access : trace.accesses) {
    // True for `unpredicted` of the pages with data, evenly spread.
    const bool left_out =
        !access.zero && (seen + 1) * unpredicted / count != seen * unpredicted / count;
    seen += !access.zero;
    if (!left_out) {
      recording.accesses.push_back(access);
    }
  }
  return recording;
}

Recording recording_of(const Trace& recorded, const Trace& trace) {
  if (recorded.memory != trace.memory) {
    throw std::invalid_argument(recorded.name + " and " + trace.name +
                                " are of guests with different amounts of memory");
  }
  Recording recording{recorded.accesses};
  const auto nonzero = page_map(trace.memory, trace.nonzero);
  for (PageAccess& access : recording.accesses) {
    access.zero = !nonzero[access.page.value];
  }
  return recording;
}

std::vector<WorkingSet::Group> groups_of(const Recording& recording) {
  std::vector<WorkingSet::Group> groups;
  std::vector<PageIndex> open;
  for (const PageAccess& access : recording.accesses) {
    if (access.zero) {
      continue;
    }
    open.push_back(access.page);
    if (open.size() == kGroupPages) {
      groups.push_back(runs_of(std::exchange(open, {})));
    }
  }
  if (!open.empty()) {
    groups.push_back(runs_of(std::move(open)));
  }
  return groups;
}

}  // namespace faasnap::bench
