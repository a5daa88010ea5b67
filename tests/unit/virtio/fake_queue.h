// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "memory/guest_memory.h"
#include "virtio/queue.h"

namespace faasnap::virtio::test {

using memory::GuestAddress;

inline constexpr std::uint16_t kNext = 1;
inline constexpr std::uint16_t kWrite = 2;
inline constexpr std::uint16_t kIndirect = 4;

// A descriptor as the driver writes it.
struct Descriptor {
  std::uint64_t address = 0;
  std::uint32_t length = 0;
  std::uint16_t flags = 0;
  std::uint16_t next = 0;
};

struct Buffer {
  GuestAddress address;
  std::uint32_t length = 0;
  bool writable = false;
};

struct Used {
  std::uint32_t head = 0;
  std::uint32_t length = 0;
};

// Allocates guest memory and never frees it.
class Allocator {
 public:
  explicit Allocator(GuestAddress start) : next_(start.value) {}
  GuestAddress take(std::uint64_t bytes, std::uint64_t alignment = 16);

 private:
  std::uint64_t next_;
};

// The driver's side of a split virtqueue: writes descriptors and the available ring, reads the used
// ring. add() is honest; the functions below it can be as hostile as a test wants.
class FakeQueue {
 public:
  FakeQueue(const memory::GuestMemory& memory, Allocator& allocator, std::uint16_t size);

  const QueueLayout& layout() const { return layout_; }
  // Returns the same driver state over a copy of the memory.
  FakeQueue moved_to(const memory::GuestMemory& memory, Allocator& allocator) const;

  // Makes a chain available. Returns its head.
  std::uint16_t add(std::span<const Buffer> buffers);
  std::uint16_t add(std::initializer_list<Buffer> buffers) {
    return add(std::span(buffers.begin(), buffers.size()));
  }
  // Does the same with the descriptors in an indirect table, after `direct` ordinary ones.
  std::uint16_t add_indirect(std::span<const Buffer> buffers, std::size_t direct = 0);
  // Returns the number of free entries of the descriptor table.
  std::size_t room() const { return free_.size(); }
  // True if the device has asked for a notification of what was added since the last call.
  bool needs_kick();
  // Returns the next chain that the device has returned, and frees its descriptors.
  std::optional<Used> take_used();
  std::uint16_t used_index() const;

  void write_descriptor(std::uint16_t index, const Descriptor& descriptor);
  // Puts any head into the available ring.
  void offer(std::uint16_t head);
  void set_available_index(std::uint16_t index);
  void set_no_interrupt_flag(bool set);
  // Asks for an interrupt when the used index passes `index`.
  void set_used_event(std::uint16_t index);

  bool event_index = true;
  // Moves used_event along with take_used, so that each returned chain interrupts.
  bool wants_interrupts = true;

 private:
  FakeQueue(const FakeQueue& other, const memory::GuestMemory& memory, Allocator& allocator);
  std::uint16_t link(std::span<const Buffer> buffers, std::optional<Descriptor> last);

  const memory::GuestMemory& memory_;
  Allocator& allocator_;
  QueueLayout layout_;
  std::vector<std::uint16_t> free_;
  std::vector<std::vector<std::uint16_t>> chains_;  // by head
  std::uint16_t available_index_ = 0;
  std::uint16_t kicked_index_ = 0;
  std::uint16_t used_seen_ = 0;
};

}  // namespace faasnap::virtio::test
