// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "virtio/block/disk_content.h"
#include "virtio/descriptor_chain.h"
#include "virtio/queue.h"

namespace faasnap::virtio {

// Status in the last byte of every request's answer (VIRTIO_BLK_S_*).
enum class BlockStatus : std::uint8_t { ok = 0, io_error = 1, unsupported = 2 };

// Request types (virtio 1.2, section 5.2.6).
enum class BlockOperation : std::uint32_t {
  read = 0,
  write = 1,
  flush = 4,
  get_id = 8,
  discard = 11,
  write_zeroes = 13
};

// Sectors that a discard or write-zeroes names.
struct BlockExtent {
  std::uint64_t sector = 0;
  std::uint32_t sectors = 0;
  std::uint32_t flags = 0;
};

// A request to the block device, from the chain to the answer.
struct BlockRequest {
  DescriptorChain chain;
  std::uint32_t operation = 0;  // a BlockOperation, or another value from the guest
  std::uint64_t sector = 0;
  std::uint64_t data_size = 0;  // bytes behind the header if it takes data, or before the status
  std::uint64_t done = 0;       // bytes of these that have been moved
  std::vector<iovec> pending;   // the buffers of the bytes that have not been moved
  std::uint64_t status_at = 0;  // position of the status byte in the buffers of the answer
  std::uint64_t moving = 0;     // bytes that it counts for while the ring has a part of it
  bool submitted = false;       // true while the ring has a part of it

  // Reads the fields above from `chain`, a chain of `queue`. Returns false, with a fault of the
  // queue, if the chain is not a valid request.
  bool parse(Queue& queue);
  // True if the request brings data, behind the header.
  bool takes_data() const noexcept;
  // Reads the extent that is the data of a discard or write-zeroes. Returns false if they are not
  // one extent alone, or cannot be had.
  bool read_extent(Queue& queue, BlockExtent& extent) const;
  // Returns the position of the data in `buffers()`.
  std::uint64_t data_begin() const noexcept;
  const std::vector<iovec>& buffers() const noexcept {
    return takes_data() ? chain.readable : chain.writable;
  }
  // True if the `data_size` bytes from `sector` are whole sectors of a disk of `sectors`.
  bool within(std::uint64_t sectors) const noexcept;
  // Writes the status byte and returns the chain to `queue`.
  void complete(Queue& queue, BlockStatus status) noexcept;
};

}  // namespace faasnap::virtio
