#include "format/working_set_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "format/frame.h"
#include "format/limits.h"

namespace faasnap::format {
namespace {

constexpr FrameKind kWorkingSet{{'F', 'A', 'A', 'S', 'N', 'A', 'P', 'W'}, 1, kMaximumWorkingSet};

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

std::vector<PageRange> read_group(base::ByteReader& reader) {
  const auto count = reader.get<std::uint32_t>();
  if (count > reader.remaining() / (2 * sizeof(std::uint32_t))) {
    reader.reject(fmt::format("{} ranges declared in {} bytes", count, reader.remaining()));
  }
  std::vector<PageRange> group(count);
  for (PageRange& range : group) {
    range.first.value = reader.get<std::uint32_t>();
    range.count = reader.get<std::uint32_t>();
  }
  return group;
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
  return std::nullopt;
}

std::vector<std::byte> encode_working_set(const WorkingSetContent& content) {
  if (const auto defect = defect_of(content)) {
    base::fail(ErrorKind::invalid_argument, "encode working set", {}, *defect);
  }
  base::ByteWriter payload;
  payload.put_string(content.snapshot_id);
  payload.put(content.memory.value);
  payload.put(static_cast<std::uint32_t>(content.groups.size()));
  for (const auto& group : content.groups) {
    payload.put(static_cast<std::uint32_t>(group.size()));
    for (const PageRange& range : group) {
      payload.put(static_cast<std::uint32_t>(range.first.value));
      payload.put(static_cast<std::uint32_t>(range.count));
    }
  }
  return encode_frame(kWorkingSet, payload.bytes());
}

std::uint32_t check_working_set(std::span<const std::byte> bytes,
                                const std::filesystem::path& file) {
  decode_frame(kWorkingSet, bytes, file);
  return frame_checksum(bytes);
}

WorkingSetContent decode_working_set(std::span<const std::byte> bytes,
                                     const std::filesystem::path& file) {
  base::ByteReader reader(decode_frame(kWorkingSet, bytes, file), file, "");
  WorkingSetContent content;
  content.snapshot_id = reader.get_string(kMaximumSnapshotId);
  content.memory = {reader.get<std::uint64_t>()};
  const auto groups = reader.get<std::uint32_t>();
  if (groups > reader.remaining() / sizeof(std::uint32_t)) {
    reader.reject(fmt::format("{} groups declared in {} bytes", groups, reader.remaining()));
  }
  content.groups.resize(groups);
  for (auto& group : content.groups) {
    group = read_group(reader);
  }
  reader.finish();
  if (const auto defect = defect_of(content)) {
    reader.reject(*defect);
  }
  return content;
}

}  // namespace faasnap::format
