// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <faasnap/progress.h>
#include <faasnap/snapshot_info.h>
#include <faasnap/units.h>

#include "base/bytes.h"
#include "base/files/fd.h"
#include "format/image_content.h"

namespace faasnap::format {

// The format of `loading-set`, `reap-set` and `stream-set`: a table, then the content of the pages
// that it lists, in the order in which they are loaded. Offsets and length are multiples of the
// page size, so that the whole file can be read with O_DIRECT, and mapped unless it is compressed.

// A run of guest pages for such a file, as planned (FaaSnap, section 4.6).
struct PageRun {
  PageRange guest;
  // The lowest group of any page in the run.
  std::uint32_t lowest_group = 0;
};

// A run in a file: the content of `guest` begins at `file_offset`.
struct StoredPageRun {
  PageRange guest;
  // A multiple of the page size. In a compressed file the offset that it would have in one that is
  // not.
  Bytes file_offset;
  std::uint32_t lowest_group = 0;
  // CRC-32C of the content.
  std::uint32_t checksum = 0;
};

// A block of a compressed file.
struct StoredBlock {
  // A multiple of the page size; the block is padded with zeros to the next one.
  Bytes file_offset;
  // Without the padding. As many as the block's content has if that is stored as it is, because it
  // would not take fewer pages; otherwise fewer.
  Bytes stored;
  // CRC-32C of the stored bytes.
  std::uint32_t checksum = 0;
};

// Returns how many blocks of `block_pages` pages, not 0, the content of `pages` pages is cut into.
constexpr std::uint64_t count_blocks(std::uint64_t pages, std::uint64_t block_pages) {
  return (pages + block_pages - 1) / block_pages;
}
// Returns how many bytes of it a block has: all have `block_pages` pages but the last, which may
// have fewer.
constexpr Bytes content_of_block(std::uint64_t block, std::uint64_t pages,
                                 std::uint64_t block_pages) {
  return {std::min(block_pages, pages - block * block_pages) * kPageSize};
}

// The table at the beginning of the file. The regions' data follow it in the same order without a
// gap, from `data_offset` (a multiple of the page size) to the end of the file; in a compressed
// file, cut into blocks of `block_pages` pages, each compressed by itself.
struct PageSetTable {
  std::string snapshot_id;
  // Size of the guest's memory.
  Bytes memory;
  LoadingSetThresholds thresholds;
  std::vector<StoredPageRun> regions;
  // Pages that must be loaded but are zero in the image, and have no data in the file.
  std::vector<PageRange> zero_runs;
  Bytes data_offset;
  Bytes file_size;
  // Checksum of the table itself.
  std::uint32_t checksum = 0;
  // The pages of each block but the last, which may have fewer; 0 if the file is not compressed.
  std::uint64_t block_pages = 0;
  std::vector<StoredBlock> blocks{};

  bool compressed() const noexcept { return block_pages != 0; }
  // Returns how many bytes a block decompresses into.
  Bytes content_of(std::size_t block) const noexcept;
  // Returns the number of pages with data.
  std::uint64_t pages() const noexcept;
  std::uint64_t zero_pages() const noexcept;
};

// The contents of a page set file to be written.
struct PageSetContents {
  std::string snapshot_id;
  Bytes memory;
  LoadingSetThresholds thresholds;
  // In the order in which they are loaded.
  std::span<const PageRun> regions;
  std::span<const PageRange> zero_runs{};
  // Pages in a block of a compressed file, at most kMaximumBlockPages; 0 if it is not to be
  // compressed.
  std::uint64_t block_pages = 0;
};

// What a reader needs at most for the content of a block.
inline constexpr std::uint64_t kMaximumBlockPages = 128;
// The blocks of files that are written: as long as a loader's reads of what is not compressed, so
// that there are no more of them (docs/results/paging.md).
inline constexpr std::uint64_t kBlockPages = 128;
inline constexpr Bytes kMaximumPageSetTable{64ULL << 20};

// Writes table and data into the empty file `fd`; the data come from `image`. Does not
// call fsync. Throws ErrorKind::invalid_argument for regions and runs that overlap or lie beyond
// memory.
PageSetTable write_page_set(const base::UniqueFd& fd, const std::filesystem::path& path,
                            const PageSetContents& inputs, const ImageContent& image,
                            const Progress& progress = {});

// Calls `take`, if it is not empty, with the bytes of the table and its padding, then reads and
// checks the table: regions and zero runs lie inside guest memory and do not overlap, and the file
// has exactly the length that they need. Reads no data.
PageSetTable read_page_set_table(const base::UniqueFd& fd, const std::filesystem::path& path,
                                 const base::TakeBytes& take = {});

// Reads all data, calls `take`, if it is not empty, with it piece by piece, and throws
// ErrorKind::corrupt with the damaged region or block. `progress` counts the content.
void verify_page_set(const base::UniqueFd& fd, const std::filesystem::path& path,
                     const PageSetTable& table, const Progress& progress = {},
                     const base::TakeBytes& take = {});

}  // namespace faasnap::format
