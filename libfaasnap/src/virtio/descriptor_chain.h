// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace faasnap::virtio {

// Maximum number of descriptors in one chain, indirect ones included. Also the kernel's limit for
// one readv(2).
inline constexpr std::size_t kMaximumChainLength = 1024;

// One request of the driver: buffers in guest memory, as host iovecs that have been checked to lie
// within it. Their bytes may be touched after Queue::admit only. The driver can change them at any
// time.
struct DescriptorChain {
  std::uint16_t head = 0;
  std::vector<iovec> readable;  // from the driver to the device
  std::vector<iovec> writable;  // from the device to the driver
};

// Calls visit(host pointer, length) for the parts of the `size` bytes at `offset`. Returns false,
// without a call, if the buffers end before.
template <typename Visit>
bool for_each_piece(std::span<const iovec> buffers, std::size_t offset, std::size_t size,
                    Visit visit);

// Returns the sum of the buffers' sizes in bytes.
std::size_t total_size(std::span<const iovec> buffers) noexcept;

// Copies `out.size()` bytes from position `offset` in the buffers. Returns false if they hold
// fewer.
bool copy_from(std::span<const iovec> buffers, std::size_t offset,
               std::span<std::byte> out) noexcept;

// Copies `data` to position `offset` in the buffers. Returns false if they have no room for it.
bool copy_to(std::span<const iovec> buffers, std::size_t offset,
             std::span<const std::byte> data) noexcept;

// Replaces `out` by the part of `buffers` that begins at `offset`, at most `length` bytes.
void slice(std::span<const iovec> buffers, std::size_t offset, std::size_t length,
           std::vector<iovec>& out);

template <typename Visit>
bool for_each_piece(std::span<const iovec> buffers, std::size_t offset, std::size_t size,
                    Visit visit) {
  const std::size_t total = total_size(buffers);
  if (offset > total || size > total - offset) {
    return false;
  }
  for (const iovec& buffer : buffers) {
    if (size == 0) {
      break;
    }
    if (offset >= buffer.iov_len) {
      offset -= buffer.iov_len;
      continue;
    }
    const std::size_t length = std::min(size, buffer.iov_len - offset);
    visit(static_cast<std::byte*>(buffer.iov_base) + offset, length);
    size -= length;
    offset = 0;
  }
  return true;
}

}  // namespace faasnap::virtio
