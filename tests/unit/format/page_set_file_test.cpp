// SPDX-License-Identifier: Apache-2.0

#include "format/page_set_file.h"

#include <fcntl.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "base/checksum.h"
#include "base/files/file.h"
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
                     const std::vector<PageRange>& zero_runs = {}) const {
    return write_page_set(fd, path, {"id", kMemory, {32, 0}, regions, zero_runs},
                          ImageContent(image, image_path, kMemory));
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
