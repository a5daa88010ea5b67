// SPDX-License-Identifier: Apache-2.0

#include "format/memory_image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <unistd.h>
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>

#include "base/checksum.h"
#include "base/files/file.h"
#include "base/files/mapping.h"
#include "support/support.h"

namespace faasnap::format {
namespace {

using test::error_of;

constexpr std::uint64_t kPages = 2 * kChunkPages + 100;

// An image in a scratch directory, of memory that the test fills.
struct Image {
  test::ScratchDirectory scratch;
  std::filesystem::path path = scratch.path() / "memory";
  base::UniqueFd fd = base::open_file(path, O_RDWR | O_CREAT);
  base::Mapping memory = base::Mapping::anonymous({kPages * kPageSize});

  void fill(std::uint64_t page, unsigned char value) const {
    std::ranges::fill(memory.bytes().subspan(page * kPageSize, kPageSize), std::byte{value});
  }
  ImageTable write(std::vector<PageRange> candidates = {{{0}, kPages}}) const {
    return write_memory_image(fd, path, memory.bytes(), candidates);
  }
  Error verify_error(const ImageTable& table) const {
    return error_of([&] { verify_memory_image(fd, path, table); });
  }
};

TEST_CASE("an image holds the memory's bytes, with holes for its zero pages") {
  const Image image;
  for (const std::uint64_t page : std::array{0UL, 255UL, 256UL, 300UL, kPages - 1}) {
    image.fill(page, 9);
  }
  // A single byte at the very end of a page counts.
  image.memory.data()[400 * kPageSize + kPageSize - 1] = std::byte{1};
  const ImageTable table = image.write();
  const std::vector<PageRange> expected = {
      {{0}, 1}, {{255}, 2}, {{300}, 1}, {{400}, 1}, {{kPages - 1}, 1}};
  CHECK(table.stored == expected);
  CHECK(table.nonzero_pages() == 6);
  std::vector<std::byte> content(image.memory.size().value);
  base::read_exact(image.fd, content, 0, image.path);
  CHECK(std::ranges::equal(content, image.memory.bytes()));
  struct stat status {};
  REQUIRE(::fstat(image.fd.get(), &status) == 0);
  CHECK(static_cast<std::uint64_t>(status.st_size) == (kPages + 1) * kPageSize);
  CHECK(status.st_blocks * 512 < 64 * static_cast<long>(kPageSize));
  CHECK_NOTHROW(verify_memory_image(image.fd, image.path, table));
}

TEST_CASE("a chunk's checksum covers its non-zero pages in order, and is 0 without any") {
  const Image image;
  image.fill(10, 1);
  image.fill(200, 2);
  image.fill(256, 3);
  const ImageTable table = image.write();
  const auto page = [&](std::uint64_t number) {
    return image.memory.bytes().subspan(number * kPageSize, kPageSize);
  };
  REQUIRE(table.chunk_checksums.size() == 3);
  CHECK(table.chunk_checksums[0] == base::crc32c(page(200), base::crc32c(page(10))));
  CHECK(table.chunk_checksums[1] == base::crc32c(page(256)));
  CHECK(table.chunk_checksums[2] == 0);
}

TEST_CASE("only candidates are read") {
  const Image image;
  image.fill(5, 1);
  image.fill(6, 1);
  const std::vector<PageRange> expected = {{{6}, 1}};
  CHECK(image.write({{{6}, 1}, {{7}, 300}}).stored == expected);
}

TEST_CASE("candidates out of order or beyond memory are refused") {
  const Image image;
  const auto refused = [&](std::vector<PageRange> candidates) {
    return error_of([&] { image.write(std::move(candidates)); }).kind() ==
           ErrorKind::invalid_argument;
  };
  CHECK(refused({{{5}, 1}, {{4}, 1}}));
  CHECK(refused({{{5}, 3}, {{7}, 1}}));
  CHECK(refused({{{kPages}, 1}}));
  CHECK(refused({{{1}, ~0ULL}}));
}

TEST_CASE("an image without any data verifies") {
  const Image image;
  const ImageTable table = image.write({});
  CHECK(table.stored.empty());
  CHECK_NOTHROW(verify_memory_image(image.fd, image.path, table));
}

TEST_CASE("an image copied without its holes verifies") {
  const Image image;
  image.fill(7, 7);
  const ImageTable table = image.write();
  base::write_exact(image.fd, image.memory.bytes(), 0, image.path);
  CHECK_NOTHROW(verify_memory_image(image.fd, image.path, table));
}

TEST_CASE("a page lost to a hole is found, and its chunk named") {
  const Image image;
  image.fill(300, 7);
  const ImageTable table = image.write();
  const std::vector<std::byte> zeros(kPageSize);
  base::write_exact(image.fd, zeros, 300 * kPageSize, image.path);
  const Error error = image.verify_error(table);
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(std::string(error.what()).find("chunk 1 (pages 256 to 511)") != std::string::npos);
}

TEST_CASE("two pages of a chunk that changed places are found") {
  const Image image;
  image.fill(20, 1);
  image.fill(21, 2);
  const ImageTable table = image.write();
  image.fill(20, 2);
  image.fill(21, 1);
  base::write_exact(image.fd, image.memory.bytes(), 0, image.path);
  CHECK(image.verify_error(table).kind() == ErrorKind::corrupt);
}

TEST_CASE("a truncated image fails verification") {
  const Image image;
  image.fill(kPages - 1, 1);
  const ImageTable table = image.write();
  REQUIRE(::truncate(image.path.c_str(), (kPages - 1) * kPageSize) == 0);
  CHECK(image.verify_error(table).kind() == ErrorKind::corrupt);
}

TEST_CASE("an image's table comes back from its section") {
  const Image image;
  image.fill(0, 1);
  image.fill(511, 1);
  const ImageTable written = image.write();
  const ImageTable read = load_image_table(save_image_table(written), "state");
  CHECK(read.memory == written.memory);
  CHECK(read.stored == written.stored);
  CHECK(read.chunk_checksums == written.chunk_checksums);
}

TEST_CASE("the table of a layer comes back, and that of an older version has no base") {
  const Image image;
  image.fill(7, 1);
  ImageTable written = image.write();
  written.based = {{{2}, 3}, {{40}, 1}};
  const ImageTable read = load_image_table(save_image_table(written), "state");
  CHECK(read.based == written.based);
  CHECK(read.stored_pages() == 1);
  CHECK(read.nonzero_pages() == 5);

  Section older = save_image_table(image.write());
  older.version = 1;
  // Without the number of the base's ranges, behind the one range of the file.
  const auto number = older.bytes.begin() + 8 + 4 + 4 + 8;
  older.bytes.erase(number, number + 4);
  const ImageTable old = load_image_table(older, "state");
  CHECK(old.stored == written.stored);
  CHECK(old.based.empty());
}

TEST_CASE("a table in which a page is stored and of the base is refused") {
  const Image image;
  image.fill(7, 1);
  ImageTable table = image.write();
  table.based = {{{5}, 4}};
  CHECK(error_of([&] { load_image_table(save_image_table(table), "state"); }).kind() ==
        ErrorKind::corrupt);
}

TEST_CASE("the trailer names the snapshot and the size of its memory") {
  const Image image;
  image.write();
  const Bytes memory = image.memory.size();
  const auto check = [&](std::string_view id, Bytes size) {
    return check_image_trailer(image.fd, image.path, id, size);
  };
  CHECK(error_of([&] { check("mine", memory); }).kind() == ErrorKind::corrupt);
  const std::uint32_t checksum = write_image_trailer(image.fd, image.path, "mine", memory);
  CHECK(check("mine", memory) == checksum);
  CHECK(error_of([&] { check("another", memory); }).kind() == ErrorKind::corrupt);
  CHECK(error_of([&] { check("mine", memory - Bytes{kPageSize}); }).kind() == ErrorKind::corrupt);
}

}  // namespace
}  // namespace faasnap::format
