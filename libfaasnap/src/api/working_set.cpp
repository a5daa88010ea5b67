#include <faasnap/working_set.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "format/page_ranges.h"
#include "format/working_set_file.h"

namespace faasnap {
namespace {

constexpr const char* kMaking = "make working set";

std::vector<WorkingSet::Group> groups_of(std::span<const PageAccess> accesses,
                                         std::uint64_t group_pages) {
  std::vector<WorkingSet::Group> groups;
  while (!accesses.empty()) {
    const std::size_t count = std::min<std::uint64_t>(group_pages, accesses.size());
    groups.push_back(format::set_of(accesses.first(count)));
    accesses = accesses.subspan(count);
  }
  return groups;
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
    base::fail(ErrorKind::invalid_argument, kMaking, {}, "groups of 0 pages");
  }
  auto groups = groups_of(accesses, group_pages);
  return {Recorder::userfaultfd, std::move(snapshot_id), memory, std::move(groups),
          std::move(accesses)};
}

std::uint64_t WorkingSet::pages() const noexcept {
  std::uint64_t pages = 0;
  for (const Group& group : groups_) {
    pages += format::count_pages(group);
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

}  // namespace faasnap
