// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace faasnap::virtio {

// Maximum number of descriptors in one chain, indirect ones included. Also the kernel's limit for
// one readv(2).
inline constexpr std::size_t kMaximumChainLength = 1024;

// One request of the driver: buffers in guest memory, as host iovecs that have been checked to lie
// within it. The driver can change their content at any time.
struct DescriptorChain {
  std::uint16_t head = 0;
  std::vector<iovec> readable;  // from the driver to the device
  std::vector<iovec> writable;  // from the device to the driver
};

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

}  // namespace faasnap::virtio
