// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "format/page_set_table.h"
#include "support.h"

// The parser of a loading set's table: rejects with an Error, or reads regions that lie in guest
// memory and in the file. The input is the table; it is padded as the format demands, and the file
// is taken to be as long as the table says, so that the fuzzer gets past that.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faasnap;
  auto bytes = fuzz::mended(fuzz::bytes_of(data, size));
  bytes.resize(std::max<std::size_t>((bytes.size() + kPageSize - 1) / kPageSize, 1) * kPageSize);
  // Behind the frame's header, the id (its length first), memory, two thresholds and data offset.
  std::uint32_t id_length = 0;
  std::memcpy(&id_length, bytes.data() + format::kFrameHeaderSize, sizeof(id_length));
  Bytes file_size;
  const std::uint64_t at = format::kFrameHeaderSize + 4 + std::uint64_t{id_length} + 4 * 8;
  if (at + sizeof(file_size.value) <= bytes.size()) {
    std::memcpy(&file_size.value, bytes.data() + at, sizeof(file_size.value));
  }
  try {
    const auto table = format::decode_page_set_table(bytes, file_size, "loading-set");
    Bytes offset = table.data_offset;
    std::uint64_t pages = 0;
    for (const format::StoredPageRun& region : table.regions) {
      fuzz::require(region.file_offset == offset);
      fuzz::require(region.guest.end().value <= table.memory.pages());
      offset += region.guest.size();
      pages += region.guest.count;
    }
    for (const PageRange& run : table.zero_runs) {
      fuzz::require(run.end().value <= table.memory.pages());
      pages += run.count;
    }
    fuzz::require(pages <= table.memory.pages());
    Bytes content;
    Bytes blocks_end = table.data_offset;
    for (std::size_t i = 0; i < table.blocks.size(); ++i) {
      fuzz::require(table.blocks[i].file_offset == blocks_end);
      fuzz::require(table.blocks[i].stored <= table.content_of(i));
      fuzz::require(table.content_of(i).pages() <= format::kMaximumBlockPages);
      content += table.content_of(i);
      blocks_end += Bytes{table.blocks[i].stored.pages() * kPageSize};
    }
    fuzz::require(!table.compressed() || content == offset - table.data_offset);
    fuzz::require(file_size == (table.compressed() ? blocks_end : offset));
    fuzz::require(format::encode_page_set_table(table) == bytes);
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::version);
  }
  return 0;
}
