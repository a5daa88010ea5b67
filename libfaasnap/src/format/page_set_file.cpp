// SPDX-License-Identifier: Apache-2.0

#include "format/page_set_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/files/file.h"
#include "base/progress.h"
#include "format/page_set_table.h"

namespace faasnap::format {
namespace {

constexpr const char* kWritingSet = "write";
constexpr const char* kVerifyingSet = "verify";
constexpr std::uint64_t kBufferSize = 1 << 20;

// Fills the buffer, a whole number of pages, with piece after piece of `size` bytes: calls
// `read(piece, offset)`, then `use(piece, offset)`.
template <typename Read, typename Use>
void for_each_piece(Bytes size, std::vector<std::byte>& buffer, Read read, Use use) {
  for (std::uint64_t done = 0; done < size.value;) {
    const std::span piece(buffer.data(), std::min(buffer.size(), size.value - done));
    read(piece, done);
    use(piece, done);
    done += piece.size();
  }
}

PageSetTable lay_out(const PageSetContents& inputs, const std::filesystem::path& path) {
  PageSetTable table;
  table.snapshot_id = inputs.snapshot_id;
  table.memory = inputs.memory;
  table.thresholds = inputs.thresholds;
  table.zero_runs.assign(inputs.zero_runs.begin(), inputs.zero_runs.end());
  table.data_offset =
      page_set_data_offset(inputs.snapshot_id, inputs.regions.size(), inputs.zero_runs.size());
  Bytes offset = table.data_offset;
  for (const PageRun& region : inputs.regions) {
    table.regions.push_back({region.guest, offset, region.lowest_group, 0});
    offset += region.guest.size();
  }
  table.file_size = offset;
  if (const auto defect = defect_of(table)) {
    base::fail(ErrorKind::invalid_argument, kWritingSet, path, *defect);
  }
  return table;
}

}  // namespace

PageSetTable write_page_set(const base::UniqueFd& fd, const std::filesystem::path& path,
                            const PageSetContents& inputs, const ImageContent& image,
                            const Progress& progress) {
  PageSetTable table = lay_out(inputs, path);
  std::vector<std::byte> buffer(kBufferSize);
  const Bytes total = table.file_size - table.data_offset;
  Bytes written;
  for (StoredPageRun& region : table.regions) {
    for_each_piece(
        region.guest.size(), buffer,
        [&](std::span<std::byte> piece, std::uint64_t at) {
          image.read({region.guest.first + at / kPageSize, Bytes{piece.size()}.pages()}, piece);
        },
        [&](std::span<const std::byte> piece, std::uint64_t at) {
          region.checksum = base::crc32c(piece, region.checksum);
          base::write_exact(fd, piece, region.file_offset.value + at, path);
          written += Bytes{piece.size()};
          base::report_progress(progress, written, total, kWritingSet, path);
        });
  }
  const std::vector<std::byte> head = encode_page_set_table(table);
  base::write_exact(fd, head, 0, path);
  return decode_page_set_table(head, table.file_size, path);
}

PageSetTable read_page_set_table(const base::UniqueFd& fd, const std::filesystem::path& path,
                                 const base::TakeBytes& take) {
  const Bytes size = base::file_size(fd, path);
  std::vector<std::byte> head(std::min(size.value, kPageSize));
  base::read_exact(fd, head, 0, path);
  const Bytes wanted{std::min(size.value, page_set_head_size(head, path).value)};
  const std::size_t have = head.size();
  if (wanted.value > have) {
    head.resize(wanted.value);
    base::read_exact(fd, std::span(head).subspan(have), have, path);
  }
  if (take) {
    take(head);
  }
  return decode_page_set_table(head, size, path);
}

void verify_page_set(const base::UniqueFd& fd, const std::filesystem::path& path,
                     const PageSetTable& table, const Progress& progress,
                     const base::TakeBytes& take) {
  std::vector<std::byte> buffer(kBufferSize);
  const Bytes total = table.file_size - table.data_offset;
  Bytes done;
  for (std::size_t i = 0; i < table.regions.size(); ++i) {
    const StoredPageRun& region = table.regions[i];
    std::uint32_t checksum = 0;
    for_each_piece(
        region.guest.size(), buffer,
        [&](std::span<std::byte> piece, std::uint64_t at) {
          base::read_exact(fd, piece, region.file_offset.value + at, path);
        },
        [&](std::span<const std::byte> piece, std::uint64_t) {
          checksum = base::crc32c(piece, checksum);
          if (take) {
            take(piece);
          }
          done += Bytes{piece.size()};
          base::report_progress(progress, done, total, kVerifyingSet, path);
        });
    if (checksum != region.checksum) {
      base::fail(ErrorKind::corrupt, kVerifyingSet, path,
                 fmt::format("region {} (pages {} to {}): checksum is {:08x}, expected {:08x}", i,
                             region.guest.first.value, region.guest.end().value - 1, checksum,
                             region.checksum));
    }
  }
}

}  // namespace faasnap::format
