// SPDX-License-Identifier: Apache-2.0

#include "virtio/net/receive_buffers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "virtio/net/net_backend.h"

namespace faasnap::virtio {
namespace {

// Offset of the number of buffers in a packet's header.
constexpr std::size_t kBufferCountOffset = 10;
// A tag that makes a frame longer than the interface's MTU says (IEEE 802.1Q).
constexpr std::size_t kVlanTag = 4;

}  // namespace

void ReceiveBuffers::start(Queue& queue, bool mergeable, std::size_t smallest) noexcept {
  queue_ = &queue;
  mergeable_ = mergeable;
  smallest_ = smallest;
}

bool ReceiveBuffers::take(std::size_t size) {
  room_.clear();
  std::size_t room = 0;
  std::size_t chains = 0;
  do {
    if (chains == chains_.size() && !take_next()) {
      return false;
    }
    const std::span<const iovec> buffers = chains_[chains++].writable;
    for_each_piece(buffers, 0, std::min(total_size(buffers), size + kVlanTag - room),
                   [&](std::byte* piece, std::size_t length) {
                     room_.push_back({piece, length});
                     room += length;
                   });
    if (room_.size() >= kMaximumChainLength) {
      queue_->fault(fmt::format("{} receive buffers have room for {} bytes, expected {}",
                                room_.size(), room, size));
      return false;
    }
  } while (mergeable_ && room < size);
  return true;
}

bool ReceiveBuffers::take_next() {
  DescriptorChain chain;
  if (!spare_.empty()) {
    chain = std::move(spare_.back());
    spare_.pop_back();
  }
  while (!queue_->pop(chain)) {
    if (!queue_->enable_notifications()) {
      spare_.push_back(std::move(chain));
      return false;
    }
  }
  chains_.push_back(std::move(chain));
  const std::size_t room = total_size(chains_.back().writable);
  if (room < smallest_ || !chains_.back().readable.empty()) {
    queue_->fault(fmt::format("receive buffer of {} bytes, expected {} and none to read from", room,
                              smallest_));
    return false;
  }
  return queue_->admit(chains_.back().writable, 0, std::min(room, kMaximumPacket));
}

void ReceiveBuffers::give(std::size_t size) {
  used_.clear();
  std::size_t left = size;
  std::size_t count = 0;
  for (; left != 0; ++count) {
    const std::size_t part = std::min(left, total_size(chains_[count].writable));
    used_.push_back({chains_[count].head, static_cast<std::uint32_t>(part)});
    left -= part;
  }
  const auto number = static_cast<std::uint16_t>(count);
  const auto& first = chains_.front().writable;
  if (!queue_->admit(first, kBufferCountOffset, sizeof(number))) {
    return;
  }
  copy_to(first, kBufferCountOffset, std::as_bytes(std::span(&number, 1)));
  queue_->push_used(used_);
  for (; count != 0; --count) {
    spare_.push_back(std::move(chains_.front()));
    chains_.pop_front();
  }
}

void ReceiveBuffers::put_back() noexcept {
  queue_->undo_pop(static_cast<std::uint16_t>(chains_.size()));
  chains_.clear();
}

}  // namespace faasnap::virtio
