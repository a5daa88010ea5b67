// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/units.h>

namespace faasnap::paging {

// One read request: a run of bytes of one file, and where its pages belong in guest memory.
struct ReadPiece {
  Backing file = Backing::loading_set;
  std::uint32_t layer = 0;
  Bytes offset;
  Bytes length;
  // Together as long as the piece, in the order of the file; of a compressed block those that are
  // wanted.
  std::vector<PageRange> guest;
  // Where in the piece, or in what it decompresses into, the content of each of `guest` begins.
  std::vector<Bytes> begins{};
  // The block of a compressed file that the piece is; nothing if it is not compressed.
  std::optional<PlannedBlock> block{};

  // Returns the number of guest pages that the piece has the content of.
  std::uint64_t pages() const noexcept;
};

// Turns planned reads into requests, in the same order: reads that follow each other in the file
// are joined, and cut where the file's blocks of `piece` bytes (a multiple of the page size, not
// zero) end. Those of a block of a compressed file become one. Pure.
std::vector<ReadPiece> cut_reads(std::span<const PlannedRead> reads, Bytes piece);

}  // namespace faasnap::paging
