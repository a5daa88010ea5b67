#include "paging/userfault/page_lookup.h"

#include <catch2/catch_test_macros.hpp>

#include "paging/support.h"

namespace faasnap::paging {
namespace {

constexpr Bytes kLookupMemory{1000 * kPageSize};

ReadPiece piece(std::vector<PageRange> guest) {
  ReadPiece made;
  made.guest = std::move(guest);
  return made;
}

TEST_CASE("each page is found in the part that brings it") {
  const std::vector<ReadPiece> pieces = {piece({{{500}, 10}, {{20}, 5}}), piece({{{100}, 1}})};
  const std::vector<ZeroStretch> zeros = {{{{25}, 5}, true}, {{{0}, 3}, false}};
  const PageLookup lookup(pieces, zeros, kLookupMemory);
  CHECK(lookup.part_of({500}) == 0);
  CHECK(lookup.part_of({509}) == 0);
  CHECK(lookup.part_of({24}) == 0);
  CHECK(lookup.part_of({100}) == 1);
  CHECK(lookup.part_of({25}) == 2);
  CHECK(lookup.part_of({0}) == 3);
  for (const std::uint64_t page : {3, 19, 30, 99, 101, 510, 999}) {
    CHECK_FALSE(lookup.part_of({page}).has_value());
  }
}

TEST_CASE("a page in two parts, or beyond memory, is refused") {
  const auto refused = [](std::vector<PageRange> data, std::vector<ZeroStretch> zeros) {
    const std::vector<ReadPiece> pieces = {piece(std::move(data))};
    return test::error_of([&] { PageLookup(pieces, zeros, kLookupMemory); }).kind() ==
           ErrorKind::invalid_argument;
  };
  CHECK(refused({{{10}, 5}, {{14}, 1}}, {}));
  CHECK(refused({{{10}, 5}}, {{{{8}, 3}, true}}));
  CHECK(refused({{{999}, 2}}, {}));
  CHECK(refused({{{~0ULL}, 2}}, {}));
  CHECK(refused({{{0}, ~0ULL}}, {}));
}

TEST_CASE("runs are found by page") {
  const std::vector<PageRange> runs = {{{10}, 5}, {{15}, 1}, {{30}, 2}};
  CHECK(run_with(runs, {14}) == PageRange{{10}, 5});
  CHECK(run_with(runs, {15}) == PageRange{{15}, 1});
  CHECK_FALSE(run_with(runs, {16}).has_value());
  CHECK_FALSE(run_with(runs, {9}).has_value());
}

TEST_CASE("zero pages must not have data") {
  const std::vector<PageRange> nonzero = {{{10}, 5}, {{30}, 2}};
  const auto refused = [&](PageRange zeros) {
    try {
      check_zero_pages({&zeros, 1}, nonzero);
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::invalid_argument;
    }
  };
  CHECK_FALSE(refused({{15}, 15}));
  CHECK_FALSE(refused({{0}, 10}));
  CHECK_FALSE(refused({{32}, 500}));
  CHECK(refused({{15}, 16}));
  CHECK(refused({{14}, 1}));
  CHECK(refused({{0}, 100}));
}

}  // namespace
}  // namespace faasnap::paging
