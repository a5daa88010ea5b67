// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/read_pieces.h"

#include <algorithm>
#include <cstdint>

namespace faasnap::paging {

std::vector<ReadPiece> cut_reads(std::span<const PlannedRead> reads, Bytes piece) {
  std::vector<ReadPiece> pieces;
  for (const PlannedRead& read : reads) {
    PageRange rest = read.guest;
    Bytes offset = read.file_offset;
    while (rest.count != 0) {
      const bool joins =
          !pieces.empty() && pieces.back().file == read.file && pieces.back().layer == read.layer &&
          pieces.back().offset + pieces.back().length == offset && offset.value % piece.value != 0;
      if (!joins) {
        pieces.push_back({read.file, read.layer, offset, {}, {}});
      }
      ReadPiece& last = pieces.back();
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
