// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/read_pieces.h"

#include <catch2/catch_test_macros.hpp>

#include "paging/support.h"

namespace faasnap::paging {
namespace {

TEST_CASE("reads that follow each other in the file are joined") {
  const std::vector<PlannedRead> reads = {{Backing::loading_set, {4096}, {{100}, 2}},
                                          {Backing::loading_set, {12288}, {{7}, 1}}};
  const auto pieces = cut_reads(reads, 64_KiB);
  REQUIRE(pieces.size() == 1);
  CHECK(pieces[0].offset == Bytes{4096});
  CHECK(pieces[0].length == Bytes{12288});
  CHECK(pieces[0].guest == std::vector<PageRange>{{{100}, 2}, {{7}, 1}});
}

TEST_CASE("a gap in the file, or another file, begins a new piece") {
  const std::vector<PlannedRead> reads = {{Backing::loading_set, {4096}, {{100}, 1}},
                                          {Backing::loading_set, {12288}, {{7}, 1}},
                                          {Backing::memory_file, {16384}, {{4}, 1}}};
  CHECK(cut_reads(reads, 64_KiB).size() == 3);
}

TEST_CASE("the reads of a block become one piece, each with its place in the block's content") {
  const PlannedBlock first{.stored = {5000}, .content = {4 * kPageSize}, .begin = {}};
  PlannedBlock third = first;
  third.begin = {3 * kPageSize};
  const std::vector<PlannedRead> reads = {{Backing::stream_set, {4096}, {{100}, 2}, 0, first},
                                          {Backing::stream_set, {4096}, {{7}, 1}, 0, third},
                                          {Backing::stream_set, {12288}, {{20}, 4}, 0, first},
                                          {Backing::stream_set, {20480}, {{50}, 1}}};
  const auto pieces = cut_reads(reads, 4_KiB);
  REQUIRE(pieces.size() == 3);
  CHECK(pieces[0].offset == Bytes{4096});
  CHECK(pieces[0].length == Bytes{8192});
  CHECK(pieces[0].pages() == 3);
  CHECK(pieces[0].guest == std::vector<PageRange>{{{100}, 2}, {{7}, 1}});
  CHECK(pieces[0].begins == std::vector<Bytes>{{0}, {3 * kPageSize}});
  CHECK(pieces[1].guest == std::vector<PageRange>{{{20}, 4}});
  CHECK(pieces[1].length == Bytes{8192});
  CHECK_FALSE(pieces[2].block);
}

TEST_CASE("pieces hold what was planned, in order, and are cut where blocks end") {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<PlannedRead> reads;
    Bytes offset{kPageSize};
    std::uint64_t guest = 0;
    for (unsigned i = 0; i < 1 + random() % 60; ++i) {
      offset += Bytes{random() % 4 == 0 ? kPageSize : 0};
      reads.push_back({Backing::loading_set, offset, {{guest}, 1 + random() % 300}});
      offset += reads.back().guest.size();
      guest += reads.back().guest.count + random() % 5;
    }
    const Bytes limit{kPageSize * (1 + random() % 128)};
    std::vector<std::pair<std::uint64_t, std::uint64_t>> wanted;
    for (const PlannedRead& read : reads) {
      for (std::uint64_t i = 0; i < read.guest.count; ++i) {
        wanted.emplace_back(read.file_offset.pages() + i, read.guest.first.value + i);
      }
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> got;
    const auto pieces = cut_reads(reads, limit);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const std::size_t before = got.size();
      for (const PageRange& range : pieces[i].guest) {
        for (std::uint64_t page = 0; page < range.count; ++page) {
          got.emplace_back(pieces[i].offset.pages() + got.size() - before,
                           range.first.value + page);
        }
      }
      REQUIRE(got.size() - before == pieces[i].length.pages());
      REQUIRE(pieces[i].length <= limit);
      if (i + 1 < pieces.size() && pieces[i + 1].offset == pieces[i].offset + pieces[i].length) {
        REQUIRE(pieces[i + 1].offset.value % limit.value == 0);
      }
    }
    REQUIRE(got == wanted);
  }
}

}  // namespace
}  // namespace faasnap::paging
