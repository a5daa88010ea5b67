// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/read_pieces.h"

#include <algorithm>
#include <cstdint>

#include "memory/page_set.h"

namespace faasnap::paging {
namespace {

void add_block(std::vector<ReadPiece>& pieces, const PlannedRead& read) {
  const bool joins = !pieces.empty() && pieces.back().block && pieces.back().file == read.file &&
                     pieces.back().layer == read.layer && pieces.back().offset == read.file_offset;
  if (!joins) {
    pieces.push_back({read.file, read.layer, read.file_offset, read.length(), {}, {}, read.block});
  }
  pieces.back().guest.push_back(read.guest);
  pieces.back().begins.push_back(read.block->begin);
}

}  // namespace

std::uint64_t ReadPiece::pages() const noexcept { return memory::count_pages(guest); }

std::vector<ReadPiece> cut_reads(std::span<const PlannedRead> reads, Bytes piece) {
  std::vector<ReadPiece> pieces;
  for (const PlannedRead& read : reads) {
    if (read.block) {
      add_block(pieces, read);
      continue;
    }
    PageRange rest = read.guest;
    Bytes offset = read.file_offset;
    while (rest.count != 0) {
      const bool joins = !pieces.empty() && !pieces.back().block &&
                         pieces.back().file == read.file && pieces.back().layer == read.layer &&
                         pieces.back().offset + pieces.back().length == offset &&
                         offset.value % piece.value != 0;
      if (!joins) {
        pieces.push_back({read.file, read.layer, offset, {}, {}});
      }
      ReadPiece& last = pieces.back();
      last.begins.push_back(last.length);
      const Bytes left{piece.value - offset.value % piece.value};
      const std::uint64_t pages = std::min(rest.count, left.pages());
      last.guest.push_back({rest.first, pages});
      last.length += Bytes{pages * kPageSize};
      offset += Bytes{pages * kPageSize};
      rest = {rest.first + pages, rest.count - pages};
    }
  }
  return pieces;
}

}  // namespace faasnap::paging
