// SPDX-License-Identifier: Apache-2.0

#include "format/page_set_file.h"

#include <fcntl.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <random>

#include "base/checksum.h"
#include "base/files/file.h"
#include "format/block_codec.h"
#include "format/frame.h"
#include "format/page_set_table.h"
#include "support/support.h"

namespace faasnap::format {
namespace {

using test::error_of;

constexpr Bytes kMemory{1000 * kPageSize};

// An image whose pages differ, and a file to write a loading set into.
struct Files {
  test::ScratchDirectory scratch;
  std::filesystem::path image_path = scratch.path() / "memory";
  std::filesystem::path path = scratch.path() / "loading-set";
  std::vector<std::byte> content = std::vector<std::byte>(kMemory.value);
  base::UniqueFd image;
  base::UniqueFd fd = base::open_file(path, O_RDWR | O_CREAT);

  Files() {
    for (std::uint64_t page = 0; page < kMemory.pages(); ++page) {
      std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(page * kPageSize), kPageSize,
                  static_cast<std::byte>(page % 251));
    }
    base::write_new_file(image_path, content);
    image = base::open_file(image_path, O_RDONLY);
  }
  PageSetTable write(const std::vector<PageRun>& regions,
                     const std::vector<PageRange>& zero_runs = {},
                     std::uint64_t block_pages = 0) const {
    return write_page_set(fd, path, {"id", kMemory, {32, 0}, regions, zero_runs, block_pages},
                          ImageContent(image, image_path, kMemory));
  }
  // The same, of another content.
  void fill(const std::vector<PageRun>& regions, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (const PageRun& region : regions) {
      for (PageIndex page = region.guest.first; page < region.guest.end(); page = page + 1) {
        if (random() % 2 == 0) {
          std::generate_n(content.begin() + static_cast<std::ptrdiff_t>(page.offset().value),
                          kPageSize, [&] { return static_cast<std::byte>(random()); });
        }
      }
    }
    image = base::open_file(image_path, O_RDWR);
    base::write_exact(image, content, 0, image_path);
  }
  void overwrite(std::uint64_t offset, std::byte byte) const {
    base::write_exact(fd, {&byte, 1}, offset, path);
  }
  // What a reader finds that decompresses each block by itself.
  std::vector<std::byte> read_blocks(const PageSetTable& table) const {
    std::vector<std::byte> all;
    for (std::size_t i = 0; i < table.blocks.size(); ++i) {
      std::vector<std::byte> stored(table.blocks[i].stored.value);
      base::read_exact(fd, stored, table.blocks[i].file_offset.value, path);
      std::vector<std::byte> block(table.content_of(i).value);
      if (stored.size() == block.size()) {
        block = stored;
      } else {
        REQUIRE(decompress_block(stored, block));
      }
      all.insert(all.end(), block.begin(), block.end());
    }
    return all;
  }
  std::vector<std::byte> content_of(const std::vector<PageRun>& regions) const {
    std::vector<std::byte> all;
    for (const PageRun& region : regions) {
      const auto pages =
          std::span(content).subspan(region.guest.first.offset().value, region.guest.size().value);
      all.insert(all.end(), pages.begin(), pages.end());
    }
    return all;
  }
};

const std::vector<PageRun> kRegions = {{{{700}, 300}, 0}, {{{3}, 2}, 1}, {{{5}, 1}, 4}};

PageSetTable example_table() {
  PageSetTable table{"id", kMemory, {32, 0}, {}, {{{30}, 5}, {{20}, 1}}, {kPageSize}, {}, 0};
  table.regions = {{{{10}, 2}, {kPageSize}, 0, 1}, {{{4}, 3}, {3 * kPageSize}, 2, 2}};
  table.file_size = {6 * kPageSize};
  return table;
}

// The error that a table meets when it is read, its frame being right.
Error rejected(const PageSetTable& table) {
  auto bytes = encode_page_set_table(table);
  bytes.resize(std::max(bytes.size(), std::size_t{kPageSize}));
  return error_of([&] { decode_page_set_table(bytes, table.file_size, "dir/loading-set"); });
}

TEST_CASE("a loading set holds its regions' pages one after the other, page-aligned") {
  const Files files;
  const PageSetTable written = files.write(kRegions);
  const PageSetTable read = read_page_set_table(files.fd, files.path);
  CHECK(read.snapshot_id == "id");
  CHECK(read.memory == kMemory);
  CHECK(read.thresholds.merge_gap_pages == 32);
  CHECK(read.pages() == 303);
  CHECK(read.checksum == written.checksum);
  CHECK(read.data_offset.value % kPageSize == 0);
  REQUIRE(read.regions.size() == kRegions.size());
  std::uint64_t offset = read.data_offset.value;
  for (std::size_t i = 0; i < kRegions.size(); ++i) {
    const StoredPageRun& region = read.regions[i];
    CHECK(region.guest == kRegions[i].guest);
    CHECK(region.lowest_group == kRegions[i].lowest_group);
    CHECK(region.file_offset.value == offset);
    std::vector<std::byte> data(region.guest.size().value);
    base::read_exact(files.fd, data, offset, files.path);
    CHECK(std::ranges::equal(
        data, std::span(files.content).subspan(region.guest.first.offset().value, data.size())));
    offset += data.size();
  }
  CHECK(base::file_size(files.fd, files.path) == Bytes{offset});
  CHECK_NOTHROW(verify_page_set(files.fd, files.path, read));
}

TEST_CASE("a table of many regions takes several pages, and comes back") {
  const Files files;
  std::vector<PageRun> regions;
  for (std::uint32_t i = 0; i < 500; ++i) {
    regions.push_back({{{2 * i}, 1}, i});
  }
  CHECK(files.write(regions).data_offset == Bytes{2 * kPageSize});
  CHECK(read_page_set_table(files.fd, files.path).regions.size() == 500);
}

TEST_CASE("a loading set without regions is a table alone") {
  const Files files;
  files.write({});
  const auto table = read_page_set_table(files.fd, files.path);
  CHECK(table.pages() == 0);
  CHECK(table.file_size == Bytes{kPageSize});
  CHECK_NOTHROW(verify_page_set(files.fd, files.path, table));
}

TEST_CASE("regions that overlap, are empty or leave memory are not written") {
  const Files files;
  const auto refused = [&](const std::vector<PageRun>& regions) {
    return error_of([&] { files.write(regions); }).kind() == ErrorKind::invalid_argument;
  };
  CHECK(refused({{{{5}, 2}, 0}, {{{6}, 1}, 0}}));
  CHECK(refused({{{{6}, 1}, 0}, {{{5}, 2}, 0}}));
  CHECK(refused({{{{5}, 0}, 0}}));
  CHECK(refused({{{{999}, 2}, 0}}));
  CHECK(refused({{{{1000}, 1}, 0}}));
}

TEST_CASE("a damaged region is named by verification") {
  const Files files;
  const PageSetTable table = files.write(kRegions);
  const std::byte other{0xff};
  base::write_exact(files.fd, {&other, 1}, table.regions[1].file_offset.value + 1, files.path);
  const Error error = error_of([&] { verify_page_set(files.fd, files.path, table); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(std::string(error.what()).find("region 1 (pages 3 to 4)") != std::string::npos);
}

TEST_CASE("a compressed set's blocks come back one by one, whatever their size and content") {
  Files files;
  for (const std::uint64_t block_pages : {1ULL, 3ULL, 16ULL, 32ULL, 101ULL, 128ULL}) {
    files.fill(kRegions, block_pages);
    const PageSetTable written = files.write(kRegions, {{{500}, 20}}, block_pages);
    const PageSetTable read = read_page_set_table(files.fd, files.path);
    CHECK(read.block_pages == block_pages);
    CHECK(read.blocks.size() == (303 + block_pages - 1) / block_pages);
    CHECK(read.content_of(read.blocks.size() - 1).pages() == (303 - 1) % block_pages + 1);
    CHECK(read.pages() == 303);
    CHECK(read.zero_pages() == 20);
    CHECK(base::file_size(files.fd, files.path) >= written.file_size);
    CHECK(std::ranges::equal(files.read_blocks(read), files.content_of(kRegions)));
    CHECK_NOTHROW(verify_page_set(files.fd, files.path, read));
    std::filesystem::resize_file(files.path, 0);
  }
}

TEST_CASE("a compressed set is smaller, and keeps a block that would not be as it is") {
  Files files;
  const PageSetTable even = files.write(kRegions, {}, 32);
  CHECK(even.file_size.value < 303 * kPageSize / 4);
  const std::vector<PageRun> one = {{{{700}, 64}, 0}};
  std::mt19937_64 random(1);
  std::generate_n(files.content.begin() + 700 * kPageSize, 32 * kPageSize,
                  [&] { return static_cast<std::byte>(random()); });
  files.image = base::open_file(files.image_path, O_RDWR);
  base::write_exact(files.image, files.content, 0, files.image_path);
  std::filesystem::resize_file(files.path, 0);
  const PageSetTable mixed = files.write(one, {}, 32);
  CHECK(mixed.blocks[0].stored == mixed.content_of(0));
  CHECK(mixed.blocks[1].stored < mixed.content_of(1));
  CHECK(std::ranges::equal(files.read_blocks(mixed), files.content_of(one)));
}

TEST_CASE("a compressed set without regions is a table alone") {
  const Files files;
  files.write({}, {{{3}, 1}}, 32);
  const auto table = read_page_set_table(files.fd, files.path);
  CHECK(table.compressed());
  CHECK(table.blocks.empty());
  CHECK(table.file_size == Bytes{kPageSize});
  CHECK_NOTHROW(verify_page_set(files.fd, files.path, table));
}

TEST_CASE("a damaged block is named by verification, and so is what follows it") {
  const Files files;
  const PageSetTable table = files.write(kRegions, {}, 32);
  const StoredBlock& block = table.blocks[4];
  const auto found = [&] {
    return std::string(error_of([&] { verify_page_set(files.fd, files.path, table); }).what());
  };
  std::byte kept{};
  base::read_exact(files.fd, {&kept, 1}, block.file_offset.value, files.path);
  files.overwrite(block.file_offset.value, ~kept);
  CHECK(found().find("block 4 (at byte") != std::string::npos);
  CHECK(found().find("checksum is") != std::string::npos);
  files.overwrite(block.file_offset.value, kept);
  files.overwrite(block.file_offset.value + block.stored.value, std::byte{1});
  CHECK(found().find("block 4 (at byte") != std::string::npos);
  CHECK(found().find("padding is not zero") != std::string::npos);
}

TEST_CASE("a block that decompresses into more, or less, than its pages is named") {
  const Files files;
  for (const std::uint64_t pages : {31ULL, 33ULL}) {
    PageSetTable table = files.write(kRegions, {}, 32);
    const std::vector<std::byte> other(pages * kPageSize, std::byte{7});
    std::vector<std::byte> stored = compress_block(other).value();
    table.blocks[2].stored = {stored.size()};
    table.blocks[2].checksum = base::crc32c(stored);
    stored.resize(kPageSize);
    base::write_exact(files.fd, stored, table.blocks[2].file_offset.value, files.path);
    const Error error = error_of([&] { verify_page_set(files.fd, files.path, table); });
    CHECK(error.kind() == ErrorKind::corrupt);
    CHECK(std::string(error.what()).find("block 2 (at byte") != std::string::npos);
    CHECK(std::string(error.what()).find("does not decompress into 131072 bytes") !=
          std::string::npos);
    std::filesystem::resize_file(files.path, 0);
  }
}

TEST_CASE("a compressed set that is cut off is corrupt") {
  const Files files;
  const PageSetTable table = files.write(kRegions, {}, 32);
  std::filesystem::resize_file(files.path, table.file_size.value - kPageSize);
  CHECK(error_of([&] { read_page_set_table(files.fd, files.path); }).kind() == ErrorKind::corrupt);
  CHECK(error_of([&] { verify_page_set(files.fd, files.path, table); }).kind() ==
        ErrorKind::corrupt);
}

TEST_CASE("a table whose blocks do not fit its pages is corrupt") {
  PageSetTable good = example_table();
  good.block_pages = 2;
  good.blocks = {{{kPageSize}, {100}, 1},
                 {{2 * kPageSize}, {2 * kPageSize}, 2},
                 {{4 * kPageSize}, {kPageSize}, 3}};
  good.file_size = {5 * kPageSize};
  const auto bytes = encode_page_set_table(good);
  const PageSetTable read = decode_page_set_table(bytes, good.file_size, "f");
  CHECK(read.blocks[1].file_offset == Bytes{2 * kPageSize});
  const auto why = [&](auto change) {
    PageSetTable table = good;
    change(table);
    return std::string(rejected(table).what());
  };
  CHECK(why([](PageSetTable& t) { t.blocks.pop_back(); }).find("2 blocks, expected 3") !=
        std::string::npos);
  CHECK(why([](PageSetTable& t) { t.block_pages = 129; }).find("blocks have 129 pages") !=
        std::string::npos);
  for (const std::uint64_t stored : {std::uint64_t{0}, kPageSize + 1, 2 * kPageSize - 1,
                                     2 * kPageSize + 1, std::uint64_t{0xffffffff}}) {
    CHECK(why([&](PageSetTable& t) { t.blocks[0].stored = {stored}; }).find("block 0 has") !=
          std::string::npos);
  }
  CHECK(why([](PageSetTable& t) { t.file_size = {6 * kPageSize}; }).find("file has") !=
        std::string::npos);
}

TEST_CASE("a table with regions that overlap in the guest is corrupt") {
  auto table = example_table();
  table.regions[1].guest.first = {9};
  CHECK(std::string(rejected(table).what()).find("page 10 is in two regions") != std::string::npos);
}

TEST_CASE("a table with a region or a zero run beyond memory, or an empty one, is corrupt") {
  constexpr std::uint64_t kMost = 0xffffffff;
  for (const PageRange guest : {PageRange{{998}, 3}, PageRange{{1000}, 3}, PageRange{{kMost}, 3},
                                PageRange{{4}, kMost}, PageRange{{kMost}, kMost}}) {
    auto table = example_table();
    table.regions[1].guest = guest;
    table.file_size = {table.data_offset.value + (2 + guest.count) * kPageSize};
    CHECK(std::string(rejected(table).what()).find("region 1 (page") != std::string::npos);
    table = example_table();
    table.zero_runs[1] = guest;
    CHECK(std::string(rejected(table).what()).find("zero run 1 (page") != std::string::npos);
  }
  auto table = example_table();
  table.regions[0].guest.count = 0;
  CHECK(rejected(table).kind() == ErrorKind::corrupt);
  table = example_table();
  table.zero_runs[0].count = 0;
  CHECK(rejected(table).kind() == ErrorKind::corrupt);
}

TEST_CASE("a zero run that shares a page with a region or another zero run is corrupt") {
  for (const PageRange run : {PageRange{{11}, 1}, PageRange{{0}, 5}, PageRange{{34}, 1}}) {
    auto table = example_table();
    table.zero_runs[1] = run;
    CHECK(std::string(rejected(table).what()).find("is in two regions") != std::string::npos);
  }
}

TEST_CASE("zero runs come back in their order and take no room among the data") {
  const Files files;
  const std::vector<PageRange> zero_runs = {{{500}, 20}, {{10}, 1}, {{12}, 3}};
  files.write(kRegions, zero_runs);
  const auto table = read_page_set_table(files.fd, files.path);
  CHECK(table.zero_runs == zero_runs);
  CHECK(table.zero_pages() == 24);
  CHECK(table.pages() == 303);
  CHECK_NOTHROW(verify_page_set(files.fd, files.path, table));
}

TEST_CASE("data that does not begin on the page behind the table is corrupt") {
  for (const std::uint64_t offset : {0ULL, 4095ULL, 2 * 4096ULL, ~0ULL}) {
    auto table = example_table();
    auto bytes = encode_page_set_table(table);
    // Behind frame, id, memory and thresholds.
    const std::size_t at = kFrameHeaderSize + 4 + 2 + 3 * 8;
    std::memcpy(&bytes[at], &offset, sizeof(offset));
    const std::size_t length = kFrameHeaderSize + 6 + 5 * 8 + 2 * 4 + 2 * 16 + 2 * 8;
    const std::uint32_t checksum = base::crc32c(std::span(bytes).subspan(16, length - 16));
    std::memcpy(&bytes[12], &checksum, sizeof(checksum));
    const Error error =
        error_of([&] { decode_page_set_table(bytes, table.file_size, "dir/loading-set"); });
    CHECK(std::string(error.what()).find("data begins at byte") != std::string::npos);
  }
}

TEST_CASE("a file that is not as long as its table says is corrupt") {
  auto table = example_table();
  table.file_size = {7 * kPageSize};
  CHECK(rejected(table).kind() == ErrorKind::corrupt);
  const auto bytes = encode_page_set_table(example_table());
  CHECK_NOTHROW(decode_page_set_table(bytes, {6 * kPageSize}, "f"));
  CHECK(error_of([&] { decode_page_set_table(bytes, {5 * kPageSize}, "f"); }).kind() ==
        ErrorKind::corrupt);
}

TEST_CASE("a loading set of a memory that is no number of pages is corrupt") {
  for (const std::uint64_t memory : {0ULL, 4097ULL, 1ULL << 45, ~0ULL}) {
    auto table = example_table();
    table.memory = {memory};
    CHECK(rejected(table).kind() == ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace faasnap::format
