// SPDX-License-Identifier: Apache-2.0

#include "virtio/descriptor_chain.h"

#include <cstring>

namespace faasnap::virtio {

std::size_t total_size(std::span<const iovec> buffers) noexcept {
  // At most kMaximumChainLength 32-bit lengths: no overflow.
  std::size_t total = 0;
  for (const iovec& buffer : buffers) {
    total += buffer.iov_len;
  }
  return total;
}

bool copy_from(std::span<const iovec> buffers, std::size_t offset,
               std::span<std::byte> out) noexcept {
  std::byte* target = out.data();
  return for_each_piece(buffers, offset, out.size(),
                        [&target](const std::byte* piece, std::size_t length) {
                          std::memcpy(target, piece, length);
                          target += length;
                        });
}

bool copy_to(std::span<const iovec> buffers, std::size_t offset,
             std::span<const std::byte> data) noexcept {
  const std::byte* source = data.data();
  return for_each_piece(buffers, offset, data.size(),
                        [&source](std::byte* piece, std::size_t length) {
                          std::memcpy(piece, source, length);
                          source += length;
                        });
}

void slice(std::span<const iovec> buffers, std::size_t offset, std::size_t length,
           std::vector<iovec>& out) {
  out.clear();
  const std::size_t total = total_size(buffers);
  offset = std::min(offset, total);
  for_each_piece(buffers, offset, std::min(length, total - offset),
                 [&out](std::byte* piece, std::size_t size) {
                   out.push_back({piece, size});
                 });
}

}  // namespace faasnap::virtio
