// SPDX-License-Identifier: Apache-2.0

#include "paging/reads/block_buffers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "format/block_codec.h"
#include "format/page_set_file.h"

namespace faasnap::paging {
namespace {

constexpr Bytes kLargestBlock{format::kMaximumBlockPages * kPageSize};

void check_block(const ReadPiece& piece) {
  const PlannedBlock& block = *piece.block;
  bool has_all = true;
  for (std::size_t run = 0; run < piece.guest.size(); ++run) {
    const Bytes begin = piece.begins[run];
    has_all = has_all && begin <= block.content &&
              piece.guest[run].count <= kLargestBlock.pages() &&
              piece.guest[run].size() <= block.content - begin;
  }
  if (!has_all || block.content > kLargestBlock || block.stored > block.content) {
    base::fail(ErrorKind::invalid_argument, "load guest memory", {},
               fmt::format("the block at byte {} has {} bytes, stored in {}, expected at most {} "
                           "bytes, and all that is wanted of it",
                           piece.offset.value, block.content.value, block.stored.value,
                           kLargestBlock.value));
  }
}

// Returns the longest content of a compressed block.
Bytes longest_content(std::span<const ReadPiece> pieces) {
  Bytes longest;
  for (const ReadPiece& piece : pieces) {
    if (piece.block) {
      check_block(piece);
      longest = std::max(longest, piece.block->content);
    }
  }
  return longest;
}

}  // namespace

BlockBuffers::BlockBuffers(std::span<const ReadPiece> pieces, unsigned threads) {
  if (const Bytes longest = longest_content(pieces); longest.value != 0) {
    buffers_ = IoBuffers({longest.pages() * kPageSize}, threads);
  }
}

std::span<const std::byte> BlockBuffers::content_of(const ReadPiece& piece,
                                                    const std::filesystem::path& file,
                                                    std::span<const std::byte> read,
                                                    unsigned thread) const {
  if (!piece.block || piece.block->stored == piece.block->content) {
    return read;
  }
  const std::span content = buffers_[thread].first(piece.block->content.value);
  if (!format::decompress_block(read.first(piece.block->stored.value), content)) {
    base::fail(ErrorKind::corrupt, "load guest memory", file,
               fmt::format("block at byte {}: its {} bytes do not decompress into {}",
                           piece.offset.value, piece.block->stored.value, content.size()));
  }
  return content;
}

}  // namespace faasnap::paging
