#include "format/loading_set_file.h"

#include <fcntl.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "api/support.h"
#include "base/file.h"
#include "format/loading_set_table.h"

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
  LoadingSetTable write(const std::vector<LoadingRegion>& regions) const {
    return write_loading_set(fd, path, {"id", kMemory, {32, 0}, regions}, image, image_path);
  }
};

const std::vector<LoadingRegion> kRegions = {{{{700}, 300}, 0}, {{{3}, 2}, 1}, {{{5}, 1}, 4}};

LoadingSetTable example_table() {
  LoadingSetTable table{"id", kMemory, {32, 0}, {}, {kPageSize}, {}, 0};
  table.regions = {{{{10}, 2}, {kPageSize}, 0, 1}, {{{4}, 3}, {3 * kPageSize}, 2, 2}};
  table.file_size = {6 * kPageSize};
  return table;
}

// The error that a table meets when it is read, its frame being right.
Error rejected(const LoadingSetTable& table) {
  auto bytes = encode_loading_set_table(table);
  bytes.resize(std::max(bytes.size(), std::size_t{kPageSize}));
  return error_of([&] { decode_loading_set_table(bytes, table.file_size, "dir/loading-set"); });
}

TEST_CASE("a loading set holds its regions' pages one after the other, page-aligned") {
  const Files files;
  const LoadingSetTable written = files.write(kRegions);
  const LoadingSetTable read = read_loading_set_table(files.fd, files.path);
  CHECK(read.snapshot_id == "id");
  CHECK(read.memory == kMemory);
  CHECK(read.thresholds.merge_gap_pages == 32);
  CHECK(read.pages() == 303);
  CHECK(read.checksum == written.checksum);
  CHECK(read.data_offset.value % kPageSize == 0);
  REQUIRE(read.regions.size() == kRegions.size());
  std::uint64_t offset = read.data_offset.value;
  for (std::size_t i = 0; i < kRegions.size(); ++i) {
    const LoadingSetRegion& region = read.regions[i];
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
  CHECK_NOTHROW(verify_loading_set(files.fd, files.path, read));
}

TEST_CASE("a table of many regions takes several pages, and comes back") {
  const Files files;
  std::vector<LoadingRegion> regions;
  for (std::uint32_t i = 0; i < 500; ++i) {
    regions.push_back({{{2 * i}, 1}, i});
  }
  CHECK(files.write(regions).data_offset == Bytes{4 * kPageSize});
  CHECK(read_loading_set_table(files.fd, files.path).regions.size() == 500);
}

TEST_CASE("a loading set without regions is a table alone") {
  const Files files;
  files.write({});
  const auto table = read_loading_set_table(files.fd, files.path);
  CHECK(table.pages() == 0);
  CHECK(table.file_size == Bytes{kPageSize});
  CHECK_NOTHROW(verify_loading_set(files.fd, files.path, table));
}

TEST_CASE("regions that overlap, are empty or leave memory are not written") {
  const Files files;
  const auto refused = [&](const std::vector<LoadingRegion>& regions) {
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
  const LoadingSetTable table = files.write(kRegions);
  const std::byte other{0xff};
  base::write_exact(files.fd, {&other, 1}, table.regions[1].file_offset.value + 1, files.path);
  const Error error = error_of([&] { verify_loading_set(files.fd, files.path, table); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(std::string(error.what()).find("region 1 (pages 3 to 4)") != std::string::npos);
}

TEST_CASE("a table with regions that overlap in the guest is corrupt") {
  auto table = example_table();
  table.regions[1].guest.first = {9};
  CHECK(std::string(rejected(table).what()).find("page 10 is in two regions") != std::string::npos);
}

TEST_CASE("a table with a region beyond memory is corrupt") {
  for (const PageRange guest :
       {PageRange{{998}, 3}, PageRange{{1000}, 3}, PageRange{{~0ULL}, 3}, PageRange{{4}, ~0ULL}}) {
    auto table = example_table();
    table.regions[1].guest = guest;
    CHECK(rejected(table).kind() == ErrorKind::corrupt);
  }
}

TEST_CASE("a table whose regions leave a gap in the file, overlap or are empty is corrupt") {
  for (const std::uint64_t offset : {0ULL, 2 * 4096ULL, 3 * 4096ULL + 1, 4 * 4096ULL, ~0ULL}) {
    auto table = example_table();
    table.regions[1].file_offset = {offset};
    CHECK(rejected(table).kind() == ErrorKind::corrupt);
  }
  auto table = example_table();
  table.regions[0].guest.count = 0;
  CHECK(rejected(table).kind() == ErrorKind::corrupt);
}

TEST_CASE("a file that is not as long as its table says is corrupt") {
  auto table = example_table();
  table.file_size = {7 * kPageSize};
  CHECK(rejected(table).kind() == ErrorKind::corrupt);
  const auto bytes = encode_loading_set_table(example_table());
  CHECK_NOTHROW(decode_loading_set_table(bytes, {6 * kPageSize}, "f"));
  CHECK(error_of([&] { decode_loading_set_table(bytes, {5 * kPageSize}, "f"); }).kind() ==
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
