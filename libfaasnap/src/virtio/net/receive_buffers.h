// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "virtio/descriptor_chain.h"
#include "virtio/queue.h"

namespace faasnap::virtio {

// The chains of the receive queue that are taken for the next packets, in their order. A packet
// goes into one chain or, if the driver merges buffers, into as many as it needs (virtio 1.2,
// section 5.1.6.4.1).
class ReceiveBuffers {
 public:
  // Begins with an empty set, for chains of `queue` of which each must have `smallest` bytes.
  void start(Queue& queue, bool mergeable, std::size_t smallest) noexcept;
  // Takes one chain or, of those that can be merged, as many as have room for a packet of `size`
  // bytes. Returns false if the driver has not made enough available yet; it notifies the next one.
  // Chains that are not valid are a fault of the queue.
  bool take(std::size_t size);
  // Returns the room for the next packet, which may be touched: the size that take() was asked for,
  // or a bit more, if the one chain has it.
  std::span<const iovec> room() const noexcept { return room_; }
  // Returns the chains that a packet of `size` bytes was written to, and writes their number into
  // its header.
  void give(std::size_t size);
  // Puts all of them back into the queue.
  void put_back() noexcept;

 private:
  bool take_next();

  Queue* queue_ = nullptr;
  bool mergeable_ = false;
  std::size_t smallest_ = 0;
  std::deque<DescriptorChain> chains_;
  std::vector<DescriptorChain> spare_;  // whose storage is used again
  std::vector<iovec> room_;
  std::vector<UsedChain> used_;
};

}  // namespace faasnap::virtio
