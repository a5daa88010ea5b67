#include <faasnap/working_set.h>

#include "base/error.h"
#include "base/file.h"
#include "format/working_set_file.h"

namespace faasnap {

WorkingSet::WorkingSet(std::string snapshot_id, Bytes memory, std::vector<Group> groups) {
  format::WorkingSetContent content{std::move(snapshot_id), memory, std::move(groups)};
  if (const auto defect = format::defect_of(content)) {
    base::fail(ErrorKind::invalid_argument, "make working set", {}, *defect);
  }
  snapshot_id_ = std::move(content.snapshot_id);
  memory_ = content.memory;
  groups_ = std::move(content.groups);
}

std::uint64_t WorkingSet::pages() const noexcept {
  std::uint64_t pages = 0;
  for (const Group& group : groups_) {
    for (const PageRange& range : group) {
      pages += range.count;
    }
  }
  return pages;
}

WorkingSet WorkingSet::load(const std::filesystem::path& file) {
  const auto bytes = base::read_file(file, format::kMaximumWorkingSet);
  format::WorkingSetContent content = format::decode_working_set(bytes, file);
  return {std::move(content.snapshot_id), content.memory, std::move(content.groups)};
}

void WorkingSet::save(const std::filesystem::path& file) const {
  base::write_new_file(file, format::encode_working_set({snapshot_id_, memory_, groups_}));
}

}  // namespace faasnap
