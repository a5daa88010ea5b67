// SPDX-License-Identifier: Apache-2.0

#include "format/working_set_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "format/frame.h"
#include "format/limits.h"
#include "memory/page_set.h"

namespace faasnap::format {
namespace {

constexpr FrameKind kWorkingSet{{'F', 'A', 'A', 'S', 'N', 'A', 'P', 'W'}, 3, kMaximumWorkingSet};

constexpr std::uint32_t kRecorders = 2;
// An access takes at least one byte for its page and one for its time.
constexpr std::size_t kSmallestAccess = 2;
constexpr std::uint64_t kWriteFlag = 1;
constexpr std::uint64_t kZeroFlag = 2;
constexpr std::uint64_t kMissedFlag = 4;
constexpr unsigned kFlagBits = 3;

// Maps signed numbers near zero to unsigned ones near zero, in the order 0, -1, 1, -2, 2 ...
constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

// Writes each access as its distance from the one before, which is small: most are to the next
// page, soon.
void put_accesses(base::ByteWriter& payload, std::span<const PageAccess> accesses) {
  payload.put(static_cast<std::uint32_t>(accesses.size()));
  PageIndex expected;
  Nanoseconds before{0};
  for (const PageAccess& access : accesses) {
    payload.put_varint(zigzag(static_cast<std::int64_t>(access.page - expected)));
    const auto passed = static_cast<std::uint64_t>((access.time - before).count());
    payload.put_varint(passed << kFlagBits | (access.write ? kWriteFlag : 0) |
                       (access.zero ? kZeroFlag : 0) | (access.missed ? kMissedFlag : 0));
    expected = access.page + 1;
    before = access.time;
  }
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

std::vector<std::vector<PageRange>> read_groups(base::ByteReader& reader) {
  const auto count = reader.get<std::uint32_t>();
  if (count > reader.remaining() / sizeof(std::uint32_t)) {
    reader.reject(fmt::format("{} groups declared in {} bytes", count, reader.remaining()));
  }
  std::vector<std::vector<PageRange>> groups(count);
  for (auto& group : groups) {
    group = read_group(reader);
  }
  return groups;
}

std::vector<PageAccess> read_accesses(base::ByteReader& reader) {
  const auto count = reader.get<std::uint32_t>();
  if (count > reader.remaining() / kSmallestAccess) {
    reader.reject(fmt::format("{} accesses declared in {} bytes", count, reader.remaining()));
  }
  std::vector<PageAccess> accesses(count);
  std::uint64_t expected = 0;
  std::uint64_t time = 0;
  for (PageAccess& access : accesses) {
    // Unsigned, so that a page below zero is beyond every memory.
    access.page = {expected + static_cast<std::uint64_t>(unzigzag(reader.get_varint()))};
    const std::uint64_t passed = reader.get_varint();
    time += passed >> kFlagBits;
    if (time > static_cast<std::uint64_t>(kMaximumAccessTime.count())) {
      reader.reject(fmt::format("the time of an access is {} ns, expected at most {}", time,
                                kMaximumAccessTime.count()));
    }
    access.time = Nanoseconds(static_cast<std::int64_t>(time));
    access.write = (passed & kWriteFlag) != 0;
    access.zero = (passed & kZeroFlag) != 0;
    access.missed = (passed & kMissedFlag) != 0;
    expected = access.page.value + 1;
  }
  return accesses;
}

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

// Also checks that each page is touched once; `grouped` is sorted and disjoint.
std::optional<std::string> defect_of_touched_pages(std::span<const PageAccess> accesses,
                                                   std::span<const PageRange> grouped) {
  std::vector<PageIndex> touched;
  touched.reserve(accesses.size());
  for (const PageAccess& access : accesses) {
    touched.push_back(access.page);
  }
  std::ranges::sort(touched);
  if (const auto twice = std::ranges::adjacent_find(touched); twice != touched.end()) {
    return fmt::format("page {} has two first touches", twice->value);
  }
  auto range = grouped.begin();
  for (const PageIndex page : touched) {
    while (range != grouped.end() && range->end() <= page) {
      ++range;
    }
    if (range == grouped.end() || page < range->first) {
      return fmt::format("page {} is touched but in no group", page.value);
    }
  }
  if (touched.size() != memory::count_pages(grouped)) {
    return fmt::format("{} pages are in groups but {} are touched", memory::count_pages(grouped),
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

std::vector<std::byte> encode_working_set(const WorkingSetContent& content) {
  if (const auto defect = defect_of(content)) {
    base::fail(ErrorKind::invalid_argument, "encode working set", {}, *defect);
  }
  base::ByteWriter payload;
  payload.put_string(content.snapshot_id);
  payload.put(content.memory.value);
  payload.put(static_cast<std::uint32_t>(content.recorder));
  payload.put(static_cast<std::uint32_t>(content.groups.size()));
  for (const auto& group : content.groups) {
    payload.put(static_cast<std::uint32_t>(group.size()));
    for (const PageRange& range : group) {
      payload.put(static_cast<std::uint32_t>(range.first.value));
      payload.put(static_cast<std::uint32_t>(range.count));
    }
  }
  put_accesses(payload, content.accesses);
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
  const auto recorder = reader.get<std::uint32_t>();
  if (recorder >= kRecorders) {
    reader.reject(fmt::format("recorder is {}, expected less than {}", recorder, kRecorders));
  }
  content.recorder = static_cast<Recorder>(recorder);
  content.groups = read_groups(reader);
  content.accesses = read_accesses(reader);
  reader.finish();
  if (const auto defect = defect_of(content)) {
    reader.reject(*defect);
  }
  return content;
}

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
