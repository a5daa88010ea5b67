// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/residency.h"

#include <catch2/catch_test_macros.hpp>

#include "paging/support.h"

namespace faasnap::paging {
namespace {

TEST_CASE("a cold file has no resident page, and one that is read has those") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "file", 4_MiB, 0);
  file.write({{0}, 1024});
  file.make_cold();
  REQUIRE(::posix_fadvise(file.fd().get(), 0, 0, POSIX_FADV_RANDOM) == 0);
  std::vector<std::byte> page(kPageSize);
  base::read_exact(file.fd(), page, 700 * kPageSize, "file");

  FileResidency residency(file.ref(), 4_MiB);
  CHECK(residency.count() == 1);
  const auto answer = residency.query({{699}, 3});
  CHECK((answer[0] & 1) == 0);
  CHECK((answer[1] & 1) == 1);
  CHECK((answer[2] & 1) == 0);
  if (const auto cached = cached_pages(file.fd(), {0}, 4_MiB)) {
    CHECK(*cached == 1);
    CHECK(cached_pages(file.fd(), Bytes{0}, 2_MiB) == 0);
  }
}

TEST_CASE("an empty file has no resident page") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "file", {0}, 0);
  CHECK(FileResidency(file.ref(), {0}).count() == 0);
}

TEST_CASE("pages beyond the file are not asked for") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "file", 1_MiB, 0);
  FileResidency residency(file.ref(), 1_MiB);
  for (const PageRange range :
       {PageRange{{256}, 1}, PageRange{{0}, 257}, PageRange{{1}, UINT64_MAX}}) {
    CHECK(test::error_of([&] { residency.query(range); }).kind() == ErrorKind::invalid_argument);
  }
}

}  // namespace
}  // namespace faasnap::paging
