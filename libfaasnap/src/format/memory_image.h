#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/progress.h>
#include <faasnap/snapshot_info.h>
#include <faasnap/units.h>

#include "base/fd.h"
#include "format/state_file.h"

namespace faasnap::format {

// The file `memory`: page i of the file is page i of the guest, pages that are all zero are holes,
// and one page beyond them, the trailer, names the snapshot that the image belongs to.

// Pages of the image that one checksum covers.
inline constexpr std::uint64_t kChunkPages = 256;

// Version of the section format::kMemorySection, which holds the table.
inline constexpr std::uint32_t kMemorySectionVersion = 1;

// What is known of an image without reading it; kept in the state file.
struct ImageTable {
  Bytes memory;
  // Sorted, neither overlapping nor adjacent. Every page outside them is zero.
  std::vector<PageRange> nonzero;
  // One for each kChunkPages pages: CRC-32C of the chunk's pages in `nonzero`, in order of address;
  // 0 for a chunk that has none.
  std::vector<std::uint32_t> chunk_checksums;

  std::uint64_t nonzero_pages() const noexcept;
};

// Length of the file for this much guest memory.
constexpr Bytes image_file_size(Bytes memory) { return memory + Bytes{kPageSize}; }

// Writes the image of `host` into the empty file `fd`. Only the pages in `candidates` (sorted, not
// overlapping) are read; the others must be known to be zero, which keeps untouched anonymous
// memory untouched. `host` is a multiple of the page size. Does not write the trailer, nor fsync.
ImageTable write_memory_image(const base::UniqueFd& fd, const std::filesystem::path& path,
                              std::span<const std::byte> host,
                              std::span<const PageRange> candidates, const Progress& progress = {});

// Ends an image with its trailer, and returns the trailer's checksum.
std::uint32_t write_image_trailer(const base::UniqueFd& fd, const std::filesystem::path& path,
                                  std::string_view snapshot_id, Bytes memory);

// Checks length and trailer, reading one page, and returns the trailer's checksum.
std::uint32_t check_image_trailer(const base::UniqueFd& fd, const std::filesystem::path& path,
                                  std::string_view snapshot_id, Bytes memory);

// Reads every page that the file has data for, and compares. ErrorKind::corrupt names the damaged
// chunk, or the page that should be zero.
void verify_memory_image(const base::UniqueFd& fd, const std::filesystem::path& path,
                         const ImageTable& table, const Progress& progress = {});

Section save_image_table(const ImageTable& table);
// `section` is of kMemorySection and kMemorySectionVersion; `file` is the state file that it comes
// from.
ImageTable load_image_table(const Section& section, const std::filesystem::path& file);

}  // namespace faasnap::format
