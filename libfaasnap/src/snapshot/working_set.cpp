// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include <faasnap/working_set.h>

#include "base/error.h"
#include "base/files/file.h"
#include "format/working_set_file.h"
#include "memory/page_set.h"

namespace faasnap {
namespace {

constexpr const char* kMaking = "make working set";

std::vector<WorkingSet::Group> groups_of(std::span<const PageAccess> accesses,
                                         std::uint64_t group_pages) {
  std::vector<WorkingSet::Group> groups;
  while (!accesses.empty()) {
    const std::size_t count = std::min<std::uint64_t>(group_pages, accesses.size());
    groups.push_back(memory::PageSet(accesses.first(count)).runs());
    accesses = accesses.subspan(count);
  }
  return groups;
}

void check_same_snapshot(const WorkingSet& a, const WorkingSet& b, const char* operation) {
  if (a.snapshot_id() != b.snapshot_id() || a.memory() != b.memory()) {
    base::fail(
        ErrorKind::invalid_argument, operation, {},
        fmt::format("one belongs to snapshot '{}' with {} bytes of memory, another to '{}' with "
                    "{} bytes",
                    a.snapshot_id(), a.memory().value, b.snapshot_id(), b.memory().value));
  }
}

memory::PageSet all_pages(const WorkingSet& set) {
  std::vector<PageRange> pages;
  for (const auto& group : set.groups()) {
    pages.insert(pages.end(), group.begin(), group.end());
  }
  return memory::PageSet(std::move(pages));
}

// Group i gets the pages of any recording's group i that are in no earlier group.
std::vector<WorkingSet::Group> merge_groups(std::span<const WorkingSet> recordings) {
  std::vector<WorkingSet::Group> merged;
  memory::PageSet seen;
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
      const memory::PageSet group(std::move(pages));
      merged.push_back(group.minus(seen).runs());
      seen = seen.unite(group);
    }
  }
  return merged;
}

std::vector<PageAccess> all_accesses(std::span<const WorkingSet> recordings) {
  std::vector<PageAccess> all;
  for (const WorkingSet& recording : recordings) {
    all.insert(all.end(), recording.accesses().begin(), recording.accesses().end());
  }
  return all;
}

// Leaves one access of each page, and sorts them by time.
std::vector<PageAccess> merge_accesses(std::vector<PageAccess> all) {
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

const char* to_string(Recorder recorder) noexcept {
  switch (recorder) {
    case Recorder::mincore:
      return "mincore";
    case Recorder::userfaultfd:
      return "userfaultfd";
  }
  return "unknown";
}

WorkingSet::WorkingSet(std::string snapshot_id, Bytes memory, std::vector<Group> groups)
    : WorkingSet(Recorder::mincore, std::move(snapshot_id), memory, std::move(groups), {}) {}

WorkingSet::WorkingSet(Recorder recorder, std::string snapshot_id, Bytes memory,
                       std::vector<Group> groups, std::vector<PageAccess> accesses) {
  format::WorkingSetContent content{std::move(snapshot_id), memory, recorder, std::move(groups),
                                    std::move(accesses)};
  if (const auto defect = format::defect_of(content)) {
    base::fail(ErrorKind::invalid_argument, kMaking, {}, *defect);
  }
  recorder_ = recorder;
  snapshot_id_ = std::move(content.snapshot_id);
  memory_ = content.memory;
  groups_ = std::move(content.groups);
  accesses_ = std::move(content.accesses);
}

WorkingSet WorkingSet::from_accesses(std::string snapshot_id, Bytes memory,
                                     std::vector<PageAccess> accesses, std::uint64_t group_pages) {
  if (group_pages == 0) {
    base::fail(ErrorKind::invalid_argument, kMaking, {},
               "group size is 0 pages, expected at least 1");
  }
  auto groups = groups_of(accesses, group_pages);
  return {Recorder::userfaultfd, std::move(snapshot_id), memory, std::move(groups),
          std::move(accesses)};
}

std::uint64_t WorkingSet::pages() const noexcept {
  std::uint64_t pages = 0;
  for (const Group& group : groups_) {
    pages += memory::count_pages(group);
  }
  return pages;
}

WorkingSet WorkingSet::decode(std::span<const std::byte> bytes, const std::filesystem::path& name) {
  format::WorkingSetContent content = format::decode_working_set(bytes, name);
  return {content.recorder, std::move(content.snapshot_id), content.memory,
          std::move(content.groups), std::move(content.accesses)};
}

std::vector<std::byte> WorkingSet::encode() const {
  return format::encode_working_set({snapshot_id_, memory_, recorder_, groups_, accesses_});
}

WorkingSet WorkingSet::load(const std::filesystem::path& file) {
  return decode(base::read_file(file, format::kMaximumWorkingSet), file);
}

void WorkingSet::save(const std::filesystem::path& file) const {
  base::write_new_file(file, encode());
}

WorkingSet WorkingSet::merge(std::span<const WorkingSet> recordings) {
  constexpr const char* kMerging = "merge working sets";
  if (recordings.empty()) {
    base::fail(ErrorKind::invalid_argument, kMerging, {}, "no recordings given");
  }
  const WorkingSet& first = recordings.front();
  bool touched = true;
  for (const WorkingSet& recording : recordings) {
    check_same_snapshot(first, recording, kMerging);
    touched = touched && recording.recorder() == Recorder::userfaultfd;
  }
  return {touched ? Recorder::userfaultfd : Recorder::mincore, first.snapshot_id(), first.memory(),
          merge_groups(recordings),
          touched ? merge_accesses(all_accesses(recordings)) : std::vector<PageAccess>()};
}

WorkingSet WorkingSet::with_misses(const WorkingSet& recording, std::span<const WorkingSet> misses,
                                   std::size_t at_least) {
  constexpr const char* kExtending = "add misses to working set";
  if (at_least == 0) {
    base::fail(ErrorKind::invalid_argument, kExtending, {},
               "pages of at least 0 recordings of misses, expected at least 1");
  }
  std::map<PageIndex, std::size_t> counts;
  for (const WorkingSet& set : misses) {
    check_same_snapshot(recording, set, kExtending);
    if (recording.recorder() != Recorder::userfaultfd || set.recorder() != Recorder::userfaultfd) {
      base::fail(ErrorKind::invalid_argument, kExtending, {},
                 "a recording is by mincore, expected all to be by userfaultfd");
    }
    for (const PageAccess& access : set.accesses()) {
      ++counts[access.page];
    }
  }
  std::vector<PageAccess> accesses = recording.accesses();
  for (PageAccess access : all_accesses(misses)) {
    if (counts[access.page] >= at_least) {
      access.missed = true;
      accesses.push_back(access);
    }
  }
  return from_accesses(recording.snapshot_id(), recording.memory(),
                       merge_accesses(std::move(accesses)));
}

double WorkingSet::similarity(const WorkingSet& a, const WorkingSet& b) {
  check_same_snapshot(a, b, "compare working sets");
  const auto left = all_pages(a);
  const auto right = all_pages(b);
  const auto either = left.unite(right).pages();
  const auto both = left.intersect(right).pages();
  return either == 0 ? 1 : static_cast<double>(both) / static_cast<double>(either);
}

}  // namespace faasnap
