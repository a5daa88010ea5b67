// SPDX-License-Identifier: Apache-2.0

#include "memory/page_scan.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "base/files/file.h"
#include "base/files/mapping.h"
#include "support/support.h"

namespace faasnap::memory {
namespace {

TEST_CASE("a page is zero only when each of its bytes is") {
  std::array<std::byte, kPageSize> page{};
  CHECK(is_zero(page));
  for (std::size_t i = 0; i < page.size(); ++i) {
    page[i] = std::byte{0x80};
    REQUIRE_FALSE(is_zero(page));
    page[i] = {};
  }
}

TEST_CASE("only the touched pages of anonymous memory are listed, merged into runs") {
  const auto memory = base::Mapping::anonymous({50'000 * kPageSize});
  REQUIRE(::madvise(memory.data(), memory.size().value, MADV_NOHUGEPAGE) == 0);
  CHECK(touched_pages(memory.bytes()).empty());
  for (const std::uint64_t page : {0ULL, 1ULL, 2ULL, 16'383ULL, 16'384ULL, 49'999ULL}) {
    memory.data()[page * kPageSize] = std::byte{1};
  }
  const std::vector<PageRange> expected = {{{0}, 3}, {{16'383}, 2}, {{49'999}, 1}};
  CHECK(touched_pages(memory.bytes()) == expected);
}

TEST_CASE("pages written in a private mapping of a file are listed") {
  const test::ScratchDirectory scratch;
  const auto path = scratch.path() / "file";
  base::write_new_file(path, std::vector<std::byte>(64 * kPageSize, std::byte{1}));
  const auto fd = base::open_file(path, O_RDONLY);
  const auto mapping =
      base::Mapping::file(fd, 0, {64 * kPageSize}, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  mapping.data()[20 * kPageSize] = std::byte{2};
  const auto touched = touched_pages(mapping.bytes());
  bool found = false;
  for (const PageRange& range : touched) {
    found = found || (range.first <= PageIndex{20} && PageIndex{20} < range.end());
  }
  CHECK(found);
}

}  // namespace
}  // namespace faasnap::memory
