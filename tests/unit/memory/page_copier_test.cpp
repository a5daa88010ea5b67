// SPDX-License-Identifier: Apache-2.0

#include "memory/page_copier.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "base/files/mapping.h"

namespace faasnap::memory {
namespace {

constexpr std::uint64_t kPages = PageCopier::kMaximumPages;

// A private mapping of a file whose page i is filled with i + 1.
struct MappedFile {
  MappedFile() {
    REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(kPages * kPageSize)) == 0);
    for (std::uint64_t page = 0; page < kPages; ++page) {
      const std::vector<char> content(kPageSize, static_cast<char>(page + 1));
      REQUIRE(::pwrite(fd.get(), content.data(), content.size(),
                       static_cast<off_t>(page * kPageSize)) == std::ssize(content));
    }
    mapping =
        base::Mapping::file(fd, 0, Bytes{kPages * kPageSize}, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  }
  base::UniqueFd fd{::memfd_create("page_copier_test", MFD_CLOEXEC)};
  base::Mapping mapping;
};

TEST_CASE("a copy has the pages' bytes, as many as are asked for") {
  const MappedFile file;
  PageCopier copier(file.mapping.bytes());
  for (const PageRange pages : {PageRange{{0}, kPages}, PageRange{{7}, 3}, PageRange{{9}, 0}}) {
    const auto copy = copier.copy(pages);
    REQUIRE(copy);
    CHECK(std::ranges::equal(
        *copy, file.mapping.bytes().subspan(pages.first.offset().value, pages.size().value)));
  }
}

TEST_CASE("a copy of a mapped file makes none of its pages private") {
  const MappedFile file;
  PageCopier copier(file.mapping.bytes());
  REQUIRE(copier.copy({{0}, kPages}));
  file.mapping.bytes()[0] = std::byte{0};  // one page is written to, and is the only private one
  const std::byte changed{0x55};
  REQUIRE(::pwrite(file.fd.get(), &changed, 1, 1 * kPageSize) == 1);
  const auto copy = copier.copy({{0}, 2});
  REQUIRE(copy);
  CHECK((*copy)[0] == std::byte{0});
  CHECK((*copy)[kPageSize] == changed);
}

TEST_CASE("a page that its file has lost is reported, and those before it are not") {
  const MappedFile file;
  PageCopier copier(file.mapping.bytes());
  REQUIRE(::ftruncate(file.fd.get(), 10 * kPageSize) == 0);
  CHECK(copier.copy({{0}, 10}));
  CHECK_FALSE(copier.copy({{9}, 2}));
  CHECK_FALSE(copier.copy({{10}, 1}));
  CHECK(copier.copy({{9}, 1}));
}

}  // namespace
}  // namespace faasnap::memory
