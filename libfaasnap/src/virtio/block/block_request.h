// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "virtio/descriptor_chain.h"
#include "virtio/queue.h"

namespace faasnap::virtio {

inline constexpr std::uint64_t kSectorSize = 512;

// Status in the last byte of every request's answer (VIRTIO_BLK_S_*).
enum class BlockStatus : std::uint8_t { ok = 0, io_error = 1, unsupported = 2 };

// Request types (virtio 1.2, section 5.2.6).
enum class BlockOperation : std::uint32_t { read = 0, write = 1, flush = 4, get_id = 8 };

// A request to the block device, from the chain to the answer.
struct BlockRequest {
  DescriptorChain chain;
  std::uint32_t operation = 0;  // a BlockOperation, or another value from the guest
  std::uint64_t sector = 0;
  std::uint64_t data_size = 0;  // bytes of the answer before the status byte
  std::uint64_t done = 0;       // bytes of these that have been read
  std::vector<iovec> pending;   // the buffers of the bytes that have not been read
  bool reading = false;         // true while the ring has a read for it

  // Reads the fields above from `chain`, a chain of `queue`. Returns false, with a fault of the
  // queue, if the chain is not a valid request.
  bool parse(Queue& queue);
  // True if the `data_size` bytes from `sector` are whole sectors of a disk of `sectors`.
  bool within(std::uint64_t sectors) const noexcept;
  // Writes the status byte and returns the chain to `queue`.
  void complete(Queue& queue, BlockStatus status) noexcept;
};

}  // namespace faasnap::virtio
