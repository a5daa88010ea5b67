// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/preload.h"

#include <catch2/catch_test_macros.hpp>

#include "paging/support.h"

namespace faasnap::paging {
namespace {

std::vector<PageRange> first(Bytes size) { return {{{0}, size.pages()}}; }

TEST_CASE("a preloaded file is in the page cache whole, holes and all") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "memory", 40_MiB, 0);
  file.write({{100}, 500});
  file.write({{9000}, 20});
  file.make_cold();
  CHECK(preload(file.ref(), first(40_MiB)) == 40_MiB);
  CHECK(test::nearly_all(file.resident(), (40_MiB).pages()));
}

TEST_CASE("preloading again loads next to nothing") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "memory", 20_MiB, 0);
  preload(file.ref(), first(20_MiB));
  CHECK(preload(file.ref(), first(20_MiB)) < 1_MiB);
}

TEST_CASE("a file shorter than guest memory is not preloaded") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "memory", 1_MiB, 0);
  const Error error = test::error_of([&] { preload(file.ref(), first(2_MiB)); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == (directory.path() / "memory").string());
}

}  // namespace
}  // namespace faasnap::paging
