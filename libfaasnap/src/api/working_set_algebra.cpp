#include <faasnap/working_set.h>

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "format/page_ranges.h"

namespace faasnap {
namespace {

void check_same_snapshot(const WorkingSet& a, const WorkingSet& b, const char* operation) {
  if (a.snapshot_id() != b.snapshot_id() || a.memory() != b.memory()) {
    base::fail(ErrorKind::invalid_argument, operation, {},
               fmt::format("one is of snapshot '{}' with {} bytes of memory, another of '{}' with "
                           "{} bytes",
                           a.snapshot_id(), a.memory().value, b.snapshot_id(), b.memory().value));
  }
}

std::vector<PageRange> all_pages(const WorkingSet& set) {
  std::vector<PageRange> pages;
  for (const auto& group : set.groups()) {
    pages.insert(pages.end(), group.begin(), group.end());
  }
  return format::set_of(std::move(pages));
}

// Group i has the pages of any recording's group i that are in no earlier group.
std::vector<WorkingSet::Group> merge_groups(std::span<const WorkingSet> recordings) {
  std::vector<WorkingSet::Group> merged;
  std::vector<PageRange> seen;
  for (bool more = true; more;) {
    more = false;
    std::vector<PageRange> pages;
    for (const WorkingSet& recording : recordings) {
      if (merged.size() < recording.groups().size()) {
        const WorkingSet::Group& group = recording.groups()[merged.size()];
        pages.insert(pages.end(), group.begin(), group.end());
        more = true;
      }
    }
    if (more) {
      pages = format::set_of(std::move(pages));
      merged.push_back(format::difference_of(pages, seen));
      seen = format::union_of(seen, pages);
    }
  }
  return merged;
}

std::vector<PageAccess> merge_accesses(std::span<const WorkingSet> recordings) {
  std::vector<PageAccess> all;
  for (const WorkingSet& recording : recordings) {
    all.insert(all.end(), recording.accesses().begin(), recording.accesses().end());
  }
  std::ranges::stable_sort(all, [](const PageAccess& a, const PageAccess& b) {
    return std::tie(a.page, a.time) < std::tie(b.page, b.time);
  });
  std::vector<PageAccess> merged;
  for (const PageAccess& access : all) {
    if (!merged.empty() && merged.back().page == access.page) {
      merged.back().write = merged.back().write || access.write;
      merged.back().missed = merged.back().missed && access.missed;
    } else {
      merged.push_back(access);
    }
  }
  std::ranges::stable_sort(merged, {}, &PageAccess::time);
  return merged;
}

}  // namespace

WorkingSet WorkingSet::merge(std::span<const WorkingSet> recordings) {
  constexpr const char* kMerging = "merge working sets";
  if (recordings.empty()) {
    base::fail(ErrorKind::invalid_argument, kMerging, {}, "there is none");
  }
  const WorkingSet& first = recordings.front();
  bool touched = true;
  for (const WorkingSet& recording : recordings) {
    check_same_snapshot(first, recording, kMerging);
    touched = touched && recording.recorder() == Recorder::userfaultfd;
  }
  return {touched ? Recorder::userfaultfd : Recorder::mincore, first.snapshot_id(), first.memory(),
          merge_groups(recordings),
          touched ? merge_accesses(recordings) : std::vector<PageAccess>()};
}

double WorkingSet::similarity(const WorkingSet& a, const WorkingSet& b) {
  check_same_snapshot(a, b, "compare working sets");
  const auto left = all_pages(a);
  const auto right = all_pages(b);
  const auto either = format::count_pages(format::union_of(left, right));
  const auto both = format::count_pages(format::intersection_of(left, right));
  return either == 0 ? 1 : static_cast<double>(both) / static_cast<double>(either);
}

}  // namespace faasnap
