// SPDX-License-Identifier: Apache-2.0

#include "format/page_set_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/files/file.h"
#include "base/progress.h"
#include "format/block_codec.h"
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

// Cuts the content of a compressed file into blocks and writes each when it is whole.
class BlockWriter {
 public:
  BlockWriter(const base::UniqueFd& fd, const std::filesystem::path& path, PageSetTable& table)
      : fd_(fd), path_(path), table_(table), at_(table.data_offset) {}

  void take(std::span<const std::byte> content) {
    while (!content.empty()) {
      const std::size_t room = table_.content_of(block_).value - content_.size();
      const auto part = content.first(std::min(room, content.size()));
      content_.insert(content_.end(), part.begin(), part.end());
      content = content.subspan(part.size());
      if (part.size() == room) {
        write();
      }
    }
  }

 private:
  void write() {
    std::vector<std::byte> bytes = compress_block(content_).value_or(content_);
    table_.blocks[block_++] = {at_, {bytes.size()}, base::crc32c(bytes)};
    bytes.resize(Bytes{bytes.size()}.pages() * kPageSize);
    base::write_exact(fd_, bytes, at_.value, path_);
    at_ += Bytes{bytes.size()};
    table_.file_size = at_;
    content_.clear();
  }

  const base::UniqueFd& fd_;
  const std::filesystem::path& path_;
  PageSetTable& table_;
  Bytes at_;
  std::size_t block_ = 0;
  std::vector<std::byte> content_;
};

// Lays the blocks out as if none of them were compressed.
void lay_out_blocks(PageSetTable& table) {
  Bytes offset = table.data_offset;
  for (std::size_t i = 0; i < table.blocks.size(); ++i) {
    table.blocks[i] = {offset, table.content_of(i), 0};
    offset += table.content_of(i);
  }
}

PageSetTable lay_out(const PageSetContents& inputs, const std::filesystem::path& path) {
  PageSetTable table;
  table.snapshot_id = inputs.snapshot_id;
  table.memory = inputs.memory;
  table.thresholds = inputs.thresholds;
  table.zero_runs.assign(inputs.zero_runs.begin(), inputs.zero_runs.end());
  for (const PageRun& region : inputs.regions) {
    table.regions.push_back({region.guest, table.file_size, region.lowest_group, 0});
    table.file_size += region.guest.size();
  }
  table.block_pages = inputs.block_pages;
  if (table.compressed()) {
    table.blocks.resize(count_blocks(table.pages(), table.block_pages));
  }
  table.data_offset = page_set_data_offset(table);
  table.file_size += table.data_offset;
  for (StoredPageRun& region : table.regions) {
    region.file_offset += table.data_offset;
  }
  lay_out_blocks(table);
  if (const auto defect = defect_of(table)) {
    base::fail(ErrorKind::invalid_argument, kWritingSet, path, *defect);
  }
  return table;
}

// Reads the content of a file from its beginning to its end. Throws ErrorKind::corrupt with the
// damaged block of a compressed one.
class ContentReader {
 public:
  ContentReader(const base::UniqueFd& fd, const std::filesystem::path& path,
                const PageSetTable& table, const base::TakeBytes& take)
      : fd_(fd), path_(path), table_(table), take_(take), at_(table.data_offset) {}

  void read(std::span<std::byte> out) {
    if (!table_.compressed()) {
      fetch(out);
      return;
    }
    while (!out.empty()) {
      if (rest_.empty()) {
        read_block();
      }
      const auto part = rest_.first(std::min(rest_.size(), out.size()));
      std::ranges::copy(part, out.begin());
      rest_ = rest_.subspan(part.size());
      out = out.subspan(part.size());
    }
  }

 private:
  void fetch(std::span<std::byte> out) {
    base::read_exact(fd_, out, at_.value, path_);
    at_ += Bytes{out.size()};
    if (take_) {
      take_(out);
    }
  }

  void read_block() {
    const StoredBlock& block = table_.blocks[block_];
    stored_.resize(block.stored.pages() * kPageSize);
    content_.resize(table_.content_of(block_).value);
    fetch(stored_);
    const auto bytes = std::span(stored_).first(block.stored.value);
    const std::uint32_t checksum = base::crc32c(bytes);
    if (checksum != block.checksum) {
      reject(fmt::format("checksum is {:08x}, expected {:08x}", checksum, block.checksum));
    }
    if (std::ranges::any_of(std::span(stored_).subspan(bytes.size()),
                            [](std::byte byte) { return byte != std::byte{0}; })) {
      reject("its padding is not zero");
    }
    if (bytes.size() == content_.size()) {
      std::ranges::copy(bytes, content_.begin());
    } else if (!decompress_block(bytes, content_)) {
      reject(fmt::format("does not decompress into {} bytes", content_.size()));
    }
    rest_ = content_;
    ++block_;
  }

  [[noreturn]] void reject(const std::string& reason) const {
    base::fail(ErrorKind::corrupt, kVerifyingSet, path_,
               fmt::format("block {} (at byte {}): {}", block_,
                           table_.blocks[block_].file_offset.value, reason));
  }

  const base::UniqueFd& fd_;
  const std::filesystem::path& path_;
  const PageSetTable& table_;
  const base::TakeBytes& take_;
  Bytes at_;
  std::size_t block_ = 0;
  std::vector<std::byte> stored_;
  std::vector<std::byte> content_;
  std::span<const std::byte> rest_;  // of the block's content
};

}  // namespace

PageSetTable write_page_set(const base::UniqueFd& fd, const std::filesystem::path& path,
                            const PageSetContents& inputs, const ImageContent& image,
                            const Progress& progress) {
  PageSetTable table = lay_out(inputs, path);
  std::vector<std::byte> buffer(kBufferSize);
  const Bytes total{table.pages() * kPageSize};
  BlockWriter blocks(fd, path, table);
  Bytes written;
  for (StoredPageRun& region : table.regions) {
    for_each_piece(
        region.guest.size(), buffer,
        [&](std::span<std::byte> piece, std::uint64_t at) {
          image.read({region.guest.first + at / kPageSize, Bytes{piece.size()}.pages()}, piece);
        },
        [&](std::span<const std::byte> piece, std::uint64_t at) {
          region.checksum = base::crc32c(piece, region.checksum);
          if (table.compressed()) {
            blocks.take(piece);
          } else {
            base::write_exact(fd, piece, region.file_offset.value + at, path);
          }
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
  ContentReader content(fd, path, table, take);
  std::vector<std::byte> buffer(kBufferSize);
  const Bytes total{table.pages() * kPageSize};
  Bytes done;
  for (std::size_t i = 0; i < table.regions.size(); ++i) {
    const StoredPageRun& region = table.regions[i];
    std::uint32_t checksum = 0;
    for_each_piece(
        region.guest.size(), buffer,
        [&](std::span<std::byte> piece, std::uint64_t) { content.read(piece); },
        [&](std::span<const std::byte> piece, std::uint64_t) {
          checksum = base::crc32c(piece, checksum);
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
