// SPDX-License-Identifier: Apache-2.0

#include "format/page_set_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "format/frame.h"
#include "format/limits.h"
#include "memory/page_set.h"

namespace faasnap::format {
namespace {

// As it is written; the second one reads both.
constexpr FrameKind kPlainPageSet{
    {'F', 'A', 'A', 'S', 'N', 'A', 'P', 'L'}, 2, kMaximumPageSetTable};
constexpr FrameKind kPageSet{kPlainPageSet.magic, 3, kMaximumPageSetTable, true};
constexpr std::uint32_t kLz4 = 1;

// The size of the payload's fixed fields, the id's length among them; of those that only a
// compressed file has; of one region; of one zero run; of one block.
constexpr std::size_t kFixedSize = 4 + 5 * 8 + 2 * 4;
constexpr std::size_t kCompressedSize = 3 * 4;
constexpr std::size_t kRegionSize = 4 * 4;
constexpr std::size_t kZeroRunSize = 2 * 4;
constexpr std::size_t kBlockSize = 2 * 4;

Bytes page_aligned(Bytes size) { return {size.pages() * kPageSize}; }

bool fits(PageRange range, std::uint64_t pages) {
  return range.count != 0 && range.first.value < pages && range.count <= pages - range.first.value;
}

std::string misfit(std::string_view what, std::size_t number, PageRange range,
                   std::uint64_t pages) {
  return fmt::format("{} {} (page {}, {} pages) is empty or beyond the {} pages of memory", what,
                     number, range.first.value, range.count, pages);
}

// Each block but the last has as many pages, and is stored in no more than its content takes.
std::optional<std::string> defect_of_blocks(const PageSetTable& table) {
  if (table.block_pages > kMaximumBlockPages) {
    return fmt::format("blocks have {} pages, expected 1 to {}", table.block_pages,
                       kMaximumBlockPages);
  }
  const std::uint64_t expected = count_blocks(table.pages(), table.block_pages);
  if (table.blocks.size() != expected) {
    return fmt::format("{} blocks, expected {} for {} pages", table.blocks.size(), expected,
                       table.pages());
  }
  Bytes offset = table.data_offset;
  for (std::size_t i = 0; i < table.blocks.size(); ++i) {
    const StoredBlock& block = table.blocks[i];
    const Bytes content = table.content_of(i);
    const bool fewer_pages = block.stored.value != 0 && block.stored.pages() < content.pages();
    if (block.stored != content && !fewer_pages) {
      return fmt::format("block {} has {} stored bytes, expected {}, or 1 to {} compressed ones", i,
                         block.stored.value, content.value, content.value - kPageSize);
    }
    if (block.file_offset != offset) {
      return fmt::format("block {} is at byte {}, expected {}", i, block.file_offset.value,
                         offset.value);
    }
    offset += page_aligned(block.stored);
  }
  if (table.file_size != offset) {
    return fmt::format("file has {} bytes, expected {}", table.file_size.value, offset.value);
  }
  return std::nullopt;
}

std::optional<std::string> defect_of_layout(const PageSetTable& table) {
  const std::uint64_t pages = table.memory.pages();
  Bytes offset = table.data_offset;
  for (std::size_t i = 0; i < table.regions.size(); ++i) {
    const StoredPageRun& region = table.regions[i];
    if (!fits(region.guest, pages)) {
      return misfit("region", i, region.guest, pages);
    }
    if (region.file_offset != offset) {
      return fmt::format("region {} is at byte {}, expected {}", i, region.file_offset.value,
                         offset.value);
    }
    offset += region.guest.size();
  }
  for (std::size_t i = 0; i < table.zero_runs.size(); ++i) {
    if (!fits(table.zero_runs[i], pages)) {
      return misfit("zero run", i, table.zero_runs[i], pages);
    }
  }
  if (table.compressed()) {
    return defect_of_blocks(table);
  }
  if (table.file_size != offset) {
    return fmt::format("file has {} bytes, expected {}", table.file_size.value, offset.value);
  }
  return std::nullopt;
}

std::optional<std::string> defect_of_guest_pages(const PageSetTable& table) {
  std::vector<PageRange> guest(table.zero_runs);
  guest.reserve(guest.size() + table.regions.size());
  for (const StoredPageRun& region : table.regions) {
    guest.push_back(region.guest);
  }
  std::ranges::sort(guest);
  const auto twice = std::ranges::adjacent_find(
      guest,
      [](const PageRange& left, const PageRange& right) { return left.end() > right.first; });
  if (twice != guest.end()) {
    return fmt::format("page {} is in two regions", std::next(twice)->first.value);
  }
  return std::nullopt;
}

PageRange read_range(base::ByteReader& reader) {
  const PageIndex first{reader.get<std::uint32_t>()};
  return {first, reader.get<std::uint32_t>()};
}

void put_range(base::ByteWriter& payload, PageRange range) {
  payload.put(static_cast<std::uint32_t>(range.first.value));
  payload.put(static_cast<std::uint32_t>(range.count));
}

// What a compressed file has of blocks.
struct BlockFields {
  std::uint32_t compression = 0;
  std::uint32_t pages = 0;
  std::uint32_t count = 0;
};

BlockFields read_block_fields(base::ByteReader& reader) {
  BlockFields fields;
  fields.compression = reader.get<std::uint32_t>();
  fields.pages = reader.get<std::uint32_t>();
  fields.count = reader.get<std::uint32_t>();
  if (fields.compression != kLz4) {
    reader.reject(fmt::format("compression {}, expected {}", fields.compression, kLz4));
  }
  if (fields.pages == 0) {
    reader.reject(fmt::format("blocks have 0 pages, expected 1 to {}", kMaximumBlockPages));
  }
  return fields;
}

std::vector<StoredBlock> read_blocks(base::ByteReader& reader, std::uint32_t count, Bytes offset) {
  std::vector<StoredBlock> blocks(count);
  for (StoredBlock& block : blocks) {
    block.file_offset = offset;
    block.stored = {reader.get<std::uint32_t>()};
    block.checksum = reader.get<std::uint32_t>();
    offset += page_aligned(block.stored);
  }
  return blocks;
}

PageSetTable read_fields(base::ByteReader& reader, bool compressed) {
  PageSetTable table;
  table.snapshot_id = reader.get_string(kMaximumSnapshotId);
  table.memory = {reader.get<std::uint64_t>()};
  table.thresholds.merge_gap_pages = reader.get<std::uint64_t>();
  table.thresholds.minimum_pages = reader.get<std::uint64_t>();
  table.data_offset = {reader.get<std::uint64_t>()};
  table.file_size = {reader.get<std::uint64_t>()};
  const auto regions = reader.get<std::uint32_t>();
  const auto zero_runs = reader.get<std::uint32_t>();
  const BlockFields blocks = compressed ? read_block_fields(reader) : BlockFields{};
  const std::uint64_t expected = std::uint64_t{regions} * kRegionSize +
                                 std::uint64_t{zero_runs} * kZeroRunSize +
                                 std::uint64_t{blocks.count} * kBlockSize;
  if (reader.remaining() != expected) {
    reader.reject(
        fmt::format("{} bytes of regions, expected {} for {} regions, {} zero runs and {} blocks",
                    reader.remaining(), expected, regions, zero_runs, blocks.count));
  }
  table.regions.resize(regions);
  Bytes offset = table.data_offset;
  for (StoredPageRun& region : table.regions) {
    region.guest = read_range(reader);
    region.lowest_group = reader.get<std::uint32_t>();
    region.checksum = reader.get<std::uint32_t>();
    region.file_offset = offset;
    offset += region.guest.size();
  }
  table.zero_runs.resize(zero_runs);
  std::ranges::generate(table.zero_runs, [&] { return read_range(reader); });
  table.block_pages = blocks.pages;
  table.blocks = read_blocks(reader, blocks.count, table.data_offset);
  return table;
}

}  // namespace

Bytes PageSetTable::content_of(std::size_t block) const noexcept {
  return content_of_block(block, pages(), block_pages);
}

std::uint64_t PageSetTable::pages() const noexcept {
  if (regions.empty()) {
    return 0;
  }
  return (regions.back().file_offset + regions.back().guest.size() - data_offset).pages();
}

std::uint64_t PageSetTable::zero_pages() const noexcept { return memory::count_pages(zero_runs); }

Bytes page_set_data_offset(const PageSetTable& table) noexcept {
  const std::size_t of_blocks =
      table.compressed() ? kCompressedSize + table.blocks.size() * kBlockSize : 0;
  return page_aligned({kFrameHeaderSize + kFixedSize + table.snapshot_id.size() +
                       table.regions.size() * kRegionSize + table.zero_runs.size() * kZeroRunSize +
                       of_blocks});
}

Bytes page_set_head_size(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  return page_aligned(frame_length(kPageSet, bytes, path));
}

std::optional<std::string> defect_of(const PageSetTable& table) {
  if (auto defect = defect_of(table.snapshot_id, table.memory)) {
    return defect;
  }
  const Bytes data_offset = page_set_data_offset(table);
  if (table.data_offset != data_offset) {
    return fmt::format("data begins at byte {}, expected {}", table.data_offset.value,
                       data_offset.value);
  }
  if (auto defect = defect_of_layout(table)) {
    return defect;
  }
  return defect_of_guest_pages(table);
}

std::vector<std::byte> encode_page_set_table(const PageSetTable& table) {
  base::ByteWriter payload;
  payload.put_string(table.snapshot_id);
  payload.put(table.memory.value);
  payload.put(table.thresholds.merge_gap_pages);
  payload.put(table.thresholds.minimum_pages);
  payload.put(table.data_offset.value);
  payload.put(table.file_size.value);
  payload.put(static_cast<std::uint32_t>(table.regions.size()));
  payload.put(static_cast<std::uint32_t>(table.zero_runs.size()));
  if (table.compressed()) {
    payload.put(kLz4);
    payload.put(static_cast<std::uint32_t>(table.block_pages));
    payload.put(static_cast<std::uint32_t>(table.blocks.size()));
  }
  for (const StoredPageRun& region : table.regions) {
    put_range(payload, region.guest);
    payload.put(region.lowest_group);
    payload.put(region.checksum);
  }
  for (const PageRange& run : table.zero_runs) {
    put_range(payload, run);
  }
  for (const StoredBlock& block : table.blocks) {
    payload.put(static_cast<std::uint32_t>(block.stored.value));
    payload.put(block.checksum);
  }
  std::vector<std::byte> head =
      encode_frame(table.compressed() ? kPageSet : kPlainPageSet, payload.bytes());
  head.resize(table.data_offset.value);
  return head;
}

PageSetTable decode_page_set_table(std::span<const std::byte> bytes, Bytes file_size,
                                   const std::filesystem::path& path) {
  const Bytes length = frame_length(kPageSet, bytes, path);
  if (bytes.size() < page_aligned(length).value) {
    base::fail(ErrorKind::corrupt, "read", path,
               fmt::format("file has {} bytes, expected at least {}", bytes.size(),
                           page_aligned(length).value));
  }
  base::ByteReader reader(decode_frame(kPageSet, bytes.first(length.value), path), path, "");
  PageSetTable table = read_fields(reader, frame_version(bytes) == kPageSet.version);
  table.checksum = frame_checksum(bytes);
  if (table.file_size != file_size) {
    reader.reject(
        fmt::format("file has {} bytes, expected {}", file_size.value, table.file_size.value));
  }
  if (const auto defect = defect_of(table)) {
    reader.reject(*defect);
  }
  const auto padding = bytes.subspan(length.value, table.data_offset.value - length.value);
  if (!std::ranges::all_of(padding, [](std::byte byte) { return byte == std::byte{0}; })) {
    reader.reject("padding between table and data is not zero");
  }
  return table;
}

}  // namespace faasnap::format
