#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "format/frame.h"
#include "format/limits.h"
#include "format/memory_image.h"
#include "format/page_scan.h"

// What makes an image whole besides its pages: the table in the state file, and the trailer.
namespace faasnap::format {
namespace {

constexpr FrameKind kTrailer{{'F', 'A', 'A', 'S', 'N', 'A', 'P', 'M'}, 1, Bytes{kPageSize}};

std::vector<std::byte> trailer_of(std::string_view snapshot_id, Bytes memory) {
  base::ByteWriter payload;
  payload.put_string(snapshot_id);
  payload.put(memory.value);
  return encode_frame(kTrailer, payload.bytes());
}

std::vector<PageRange> read_ranges(base::ByteReader& reader, std::uint64_t pages) {
  const auto count = reader.get<std::uint32_t>();
  if (count > reader.remaining() / (2 * sizeof(std::uint32_t))) {
    reader.reject(fmt::format("{} ranges declared in {} bytes", count, reader.remaining()));
  }
  std::vector<PageRange> ranges;
  ranges.reserve(count);
  // No range may touch the one before, so the first that may follow is one page further on.
  std::uint64_t lowest = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t first = reader.get<std::uint32_t>();
    const std::uint64_t length = reader.get<std::uint32_t>();
    if (first < lowest || length == 0 || first + length > pages) {
      reader.reject(
          fmt::format("range {} (page {}, {} pages) is empty, out of order or beyond "
                      "the {} pages of memory",
                      i, first, length, pages));
    }
    ranges.push_back({PageIndex{first}, length});
    lowest = first + length + 1;
  }
  return ranges;
}

}  // namespace

Section save_image_table(const ImageTable& table) {
  base::ByteWriter writer;
  writer.put(table.memory.value);
  writer.put(static_cast<std::uint32_t>(kChunkPages));
  writer.put(static_cast<std::uint32_t>(table.nonzero.size()));
  for (const PageRange& range : table.nonzero) {
    writer.put(static_cast<std::uint32_t>(range.first.value));
    writer.put(static_cast<std::uint32_t>(range.count));
  }
  for (const std::uint32_t checksum : table.chunk_checksums) {
    writer.put(checksum);
  }
  return {std::string(kMemorySection), kMemorySectionVersion, writer.take()};
}

ImageTable load_image_table(const Section& section, const std::filesystem::path& file) {
  base::ByteReader reader(section.bytes, file, section.name);
  ImageTable table;
  table.memory = {reader.get<std::uint64_t>()};
  if (table.memory.value == 0 || table.memory.value % kPageSize != 0 ||
      table.memory.pages() > kMaximumPages) {
    reader.reject(fmt::format("memory size is {}, expected a multiple of {} of at most {} pages",
                              table.memory.value, kPageSize, kMaximumPages));
  }
  const auto chunk_pages = reader.get<std::uint32_t>();
  if (chunk_pages != kChunkPages) {
    reader.reject(fmt::format("chunks of {} pages, expected {}", chunk_pages, kChunkPages));
  }
  table.nonzero = read_ranges(reader, table.memory.pages());
  const std::uint64_t chunks = (table.memory.pages() + kChunkPages - 1) / kChunkPages;
  if (reader.remaining() != chunks * sizeof(std::uint32_t)) {
    reader.reject(fmt::format("{} bytes of chunk checksums, expected {}", reader.remaining(),
                              chunks * sizeof(std::uint32_t)));
  }
  table.chunk_checksums.resize(chunks);
  std::ranges::generate(table.chunk_checksums, [&] { return reader.get<std::uint32_t>(); });
  return table;
}

std::uint32_t write_image_trailer(const base::UniqueFd& fd, const std::filesystem::path& path,
                                  std::string_view snapshot_id, Bytes memory) {
  std::vector<std::byte> page = trailer_of(snapshot_id, memory);
  const std::uint32_t checksum = frame_checksum(page);
  page.resize(kPageSize);
  base::write_exact(fd, page, memory.value, path);
  return checksum;
}

std::uint32_t check_image_trailer(const base::UniqueFd& fd, const std::filesystem::path& path,
                                  std::string_view snapshot_id, Bytes memory) {
  const Bytes size = base::file_size(fd, path);
  if (size != image_file_size(memory)) {
    base::fail(
        ErrorKind::corrupt, "read", path,
        fmt::format("file has {} bytes, expected {}", size.value, image_file_size(memory).value));
  }
  std::vector<std::byte> page(kPageSize);
  base::read_exact(fd, page, memory.value, path);
  const std::span bytes(page);
  const Bytes length = frame_length(kTrailer, bytes, path);
  base::ByteReader reader(decode_frame(kTrailer, bytes.first(length.value), path), path, "trailer");
  const std::string id = reader.get_string(kMaximumSnapshotId);
  if (id != snapshot_id) {
    reader.reject(fmt::format("image belongs to snapshot '{}', expected '{}'", id, snapshot_id));
  }
  const auto found = reader.get<std::uint64_t>();
  if (found != memory.value) {
    reader.reject(fmt::format("memory size is {}, expected {}", found, memory.value));
  }
  reader.finish();
  if (!std::ranges::all_of(bytes.subspan(length.value),
                           [](std::byte byte) { return byte == std::byte{0}; })) {
    reader.reject("padding is not zero");
  }
  return frame_checksum(page);
}

}  // namespace faasnap::format
