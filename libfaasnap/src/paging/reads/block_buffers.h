// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include <faasnap/units.h>

#include "paging/plan/read_pieces.h"
#include "paging/reads/io_buffers.h"

namespace faasnap::paging {

// Memory that the blocks of compressed files are decompressed into, one buffer for each thread that
// does so. Holds nothing where no file is compressed.
class BlockBuffers {
 public:
  // Throws ErrorKind::invalid_argument for a piece whose block is larger than any file has, or does
  // not have all that is wanted of it.
  BlockBuffers(std::span<const ReadPiece> pieces, unsigned threads);

  // Returns the content of one of `pieces`, to which its `begins` refer: what `read` begins with,
  // the bytes of the file, or what they decompress into in the buffer of `thread`, until its next
  // call. Throws ErrorKind::corrupt, with `file` and the block, for bytes that do not decompress
  // into exactly the block's content.
  std::span<const std::byte> content_of(const ReadPiece& piece, const std::filesystem::path& file,
                                        std::span<const std::byte> read, unsigned thread) const;

  // Returns the memory that the buffers hold.
  Bytes size() const noexcept { return buffers_.size(); }

 private:
  IoBuffers buffers_;
};

}  // namespace faasnap::paging
