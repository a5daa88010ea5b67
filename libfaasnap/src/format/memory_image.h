// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/progress.h>
#include <faasnap/snapshot_info.h>
#include <faasnap/units.h>

#include "base/bytes.h"
#include "base/files/fd.h"
#include "format/state_file.h"

namespace faasnap::format {

// The file `memory`: page i of the file is page i of the guest, and pages that are all zero, or
// those of the base, are holes. One more page at the end, the trailer, names the snapshot of the
// image.

// Number of pages that share one checksum.
inline constexpr std::uint64_t kChunkPages = 256;

// Version of the section format::kMemorySection, which holds the image table. Version 1 can be read
// as well: it has no pages of a base.
inline constexpr std::uint32_t kMemorySectionVersion = 2;

// Describes an image, so that it need not be read; kept in the state file.
struct ImageTable {
  Bytes memory;
  // The pages that the file has data for. Sorted, neither overlapping nor adjacent.
  std::vector<PageRange> stored;
  // The pages that are not zero and have the content of the base. Sorted, neither overlapping nor
  // adjacent, and disjoint from those stored. All pages in neither are zero.
  std::vector<PageRange> based;
  // One for each kChunkPages pages: the CRC-32C of the chunk's pages in `stored`, in order of
  // address; 0 for a chunk without such pages.
  std::vector<std::uint32_t> chunk_checksums;

  std::uint64_t stored_pages() const noexcept;
  std::uint64_t nonzero_pages() const noexcept;
};

// Returns the length of the image file for this much guest memory.
constexpr Bytes image_file_size(Bytes memory) { return memory + Bytes{kPageSize}; }

// Writes the image of `host`, a multiple of the page size long, into the empty file `fd`. Reads
// only the pages in `candidates` (sorted, not overlapping), so that untouched anonymous memory
// stays untouched; all other pages must be zero. Does not write the trailer and does not call
// fsync. If some pages cannot be read, calls `unreadable` with them, which may throw a better
// reason, and throws ErrorKind::io.
ImageTable write_memory_image(const base::UniqueFd& fd, const std::filesystem::path& path,
                              std::span<const std::byte> host,
                              std::span<const PageRange> candidates, const Progress& progress = {},
                              const std::function<void(PageRange)>& unreadable = {});

// Returns the content of pages, all of which lie in one chunk; valid until the next call.
using ReadPages = std::function<std::span<const std::byte>(PageRange)>;

// Does the same with what `read` returns, of an image of `size`, a multiple of the page size.
ImageTable write_image(const base::UniqueFd& fd, const std::filesystem::path& path, Bytes size,
                       std::span<const PageRange> candidates, const ReadPages& read,
                       const Progress& progress = {});

// Appends the trailer to an image and returns the trailer's checksum.
std::uint32_t write_image_trailer(const base::UniqueFd& fd, const std::filesystem::path& path,
                                  std::string_view snapshot_id, Bytes memory);

// Checks length and trailer, which reads one page, and returns the trailer's checksum.
std::uint32_t check_image_trailer(const base::UniqueFd& fd, const std::filesystem::path& path,
                                  std::string_view snapshot_id, Bytes memory);

// Reads every page that has data in the file and compares it with the table. Calls `take`, if it is
// not empty, with the content of the stored pages, in order of address. Throws ErrorKind::corrupt
// with the damaged chunk, or the page that should be zero.
void verify_memory_image(const base::UniqueFd& fd, const std::filesystem::path& path,
                         const ImageTable& table, const Progress& progress = {},
                         const base::TakeBytes& take = {});

// `name` is the section's: kMemorySection, or kDisksSection for the content of disks, which has the
// same form.
Section save_image_table(const ImageTable& table, std::string_view name = kMemorySection);
// Returns the section with the table, of a version that can be read. Throws as require_section.
const Section& image_table_section(std::span<const Section> sections,
                                   const std::filesystem::path& file,
                                   std::string_view name = kMemorySection);
// `section` is that one; `file` is its state file, for messages.
ImageTable load_image_table(const Section& section, const std::filesystem::path& file);

}  // namespace faasnap::format
