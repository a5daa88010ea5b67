#include <fmt/format.h>

#include <algorithm>

#include "format/limits.h"
#include "format/page_ranges.h"
#include "format/working_set_file.h"

namespace faasnap::format {
namespace {

std::optional<std::string> defect_of_group(const std::vector<PageRange>& group, std::size_t number,
                                           std::uint64_t pages) {
  PageIndex previous_end;
  for (const PageRange& range : group) {
    const bool inside = range.first.value < pages && range.count <= pages - range.first.value;
    if (range.count == 0 || !inside) {
      return fmt::format(
          "group {}: range (page {}, {} pages) is empty or beyond the {} pages of "
          "memory",
          number, range.first.value, range.count, pages);
    }
    if (range.first < previous_end) {
      return fmt::format("group {}: range at page {} is out of order", number, range.first.value);
    }
    previous_end = range.end();
  }
  return std::nullopt;
}

// Also that each page is touched once; `grouped` is sorted and disjoint.
std::optional<std::string> defect_of_touched_pages(std::span<const PageAccess> accesses,
                                                   std::span<const PageRange> grouped) {
  std::vector<PageIndex> touched;
  touched.reserve(accesses.size());
  for (const PageAccess& access : accesses) {
    touched.push_back(access.page);
  }
  std::ranges::sort(touched);
  if (const auto twice = std::ranges::adjacent_find(touched); twice != touched.end()) {
    return fmt::format("page {} is touched first twice", twice->value);
  }
  auto range = grouped.begin();
  for (const PageIndex page : touched) {
    while (range != grouped.end() && range->end() <= page) {
      ++range;
    }
    if (range == grouped.end() || page < range->first) {
      return fmt::format("page {} is touched and in no group", page.value);
    }
  }
  if (touched.size() != count_pages(grouped)) {
    return fmt::format("{} pages are in groups and {} are touched", count_pages(grouped),
                       touched.size());
  }
  return std::nullopt;
}

std::optional<std::string> defect_of_accesses(const WorkingSetContent& content,
                                              std::span<const PageRange> grouped) {
  if (content.recorder == Recorder::mincore) {
    return content.accesses.empty()
               ? std::nullopt
               : std::optional<std::string>("a recording by mincore has accesses");
  }
  Nanoseconds before{0};
  for (const PageAccess& access : content.accesses) {
    if (access.time < before || access.time > kMaximumAccessTime) {
      return fmt::format("the access to page {} is at {} ns, expected {} to {}", access.page.value,
                         access.time.count(), before.count(), kMaximumAccessTime.count());
    }
    before = access.time;
  }
  return defect_of_touched_pages(content.accesses, grouped);
}

}  // namespace

std::optional<std::string> defect_of(const WorkingSetContent& content) {
  if (auto defect = defect_of(content.snapshot_id, content.memory)) {
    return defect;
  }
  std::vector<PageRange> all;
  for (std::size_t i = 0; i < content.groups.size(); ++i) {
    if (auto defect = defect_of_group(content.groups[i], i, content.memory.pages())) {
      return defect;
    }
    all.insert(all.end(), content.groups[i].begin(), content.groups[i].end());
  }
  std::ranges::sort(all);
  const auto twice = std::ranges::adjacent_find(
      all, [](const PageRange& left, const PageRange& right) { return left.end() > right.first; });
  if (twice != all.end()) {
    return fmt::format("page {} is in two groups", std::next(twice)->first.value);
  }
  return defect_of_accesses(content, all);
}

}  // namespace faasnap::format
