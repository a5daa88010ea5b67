// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "memory/guest_memory.h"
#include "virtio/descriptor_chain.h"

namespace faasnap::virtio {

// Where the driver put a split virtqueue, and its number of entries.
struct QueueLayout {
  std::uint16_t size = 0;
  memory::GuestAddress descriptors;  // the descriptor table
  memory::GuestAddress available;    // the ring that the driver writes
  memory::GuestAddress used;         // the ring that the device writes
};

// Returns why a driver may not use `layout` for a queue of at most `maximum` entries, or an empty
// string if it may. Checks the size, the alignments, and that all three parts are guest memory.
std::string check_layout(const memory::GuestMemory& memory, const QueueLayout& layout,
                         std::uint16_t maximum);

// Callbacks of a queue, to its transport.
class QueueOwner {
 public:
  virtual ~QueueOwner() = default;
  // Called when the driver wants an interrupt for the entries added to the used ring.
  virtual void on_used_buffers() noexcept = 0;
  // Called when the driver violates the specification; the device stops until it is reset.
  virtual void on_fault(const std::string& reason) noexcept = 0;
};

// A chain on its way back to the driver, and the number of bytes that the device wrote to it.
struct UsedChain {
  std::uint16_t head = 0;
  std::uint32_t length = 0;
};

// The device's side of one split virtqueue (virtio 1.2, section 2.7), with indirect descriptors
// (VIRTIO_F_INDIRECT_DESC) and, if negotiated, event suppression by index (VIRTIO_F_EVENT_IDX). The
// driver is not trusted: whatever it writes into the rings, the worst result is one fault reported
// to the owner, after which the queue yields nothing.
//
// For the device's thread only; the driver runs concurrently. The memory and the owner must outlive
// the queue.
class Queue {
 public:
  // Makes a queue that the driver does not use: it yields nothing and takes nothing.
  Queue() noexcept = default;
  // `layout` must have passed check_layout. `position` is the number of chains taken and returned
  // before (modulo 65536): 0, or position() of the queue that this one continues.
  Queue(const memory::GuestMemory& memory, const QueueLayout& layout, bool event_index,
        std::uint16_t position, QueueOwner& owner);

  bool in_use() const noexcept { return size_ != 0; }

  // Takes the next available chain into `chain`, whose storage is reused. Returns false if there is
  // none. Every taken chain must be given back by push_used or undo_pop. What this costs depends on
  // the number of buffers, not on their sizes: their bytes are not made available yet.
  bool pop(DescriptorChain& chain);
  // Makes `length` bytes from position `offset` in the buffers of a chain available. Reports a
  // fault and returns false if they cannot be had, or if the buffers end before; they must not be
  // touched then.
  bool admit(std::span<const iovec> buffers, std::size_t offset, std::size_t length) noexcept;
  // Undoes the last `count` pops, whose chains must not have been returned.
  void undo_pop(std::uint16_t count = 1) noexcept;
  // Returns a chain to the driver, with `length` bytes written to it. Only signal_used interrupts
  // the driver.
  void push_used(std::uint16_t head, std::uint32_t length) noexcept {
    const UsedChain chain{head, length};
    push_used({&chain, 1});
  }
  // Returns several chains, all of which the driver sees at the same time.
  void push_used(std::span<const UsedChain> chains) noexcept;
  // Interrupts the driver for the chains returned since the last call, unless there are none or the
  // driver asked for no interrupt.
  void signal_used() noexcept;

  // Returns how many chains are available and not taken. Reports a fault and returns 0 if the
  // driver's count is not allowed.
  std::uint16_t available() noexcept;
  // Asks the driver to notify the next chain that it makes available beyond `known` ones. Returns
  // true if it has already made one available: look again then, since no notification may come for
  // it.
  bool enable_notifications(std::uint16_t known = 0) noexcept;

  // Reports a chain that makes no sense for the device; the queue yields nothing more.
  void fault(const std::string& reason) noexcept;
  bool faulted() const noexcept { return faulted_; }

  // Returns the number of chains taken so far, modulo 65536. A snapshot saves it when all of them
  // are returned.
  std::uint16_t position() const noexcept { return next_available_; }
  // Returns the number of chains taken and not returned.
  std::uint16_t outstanding() const noexcept {
    return static_cast<std::uint16_t>(next_available_ - next_used_);
  }

 private:
  struct Descriptor;
  enum class Table { main, indirect };

  // True if the rings may be touched.
  bool reachable() noexcept;
  // Each reports a fault and returns false if the driver's data are not valid.
  bool collect(std::span<const std::byte> table, std::uint16_t first, Table kind,
               DescriptorChain& chain);
  bool collect_indirect(const Descriptor& descriptor, DescriptorChain& chain);
  bool add(const Descriptor& descriptor, DescriptorChain& chain);
  bool reject(const std::string& reason) noexcept;

  const memory::GuestMemory* memory_ = nullptr;
  QueueOwner* owner_ = nullptr;
  std::byte* descriptors_ = nullptr;
  std::byte* available_ = nullptr;
  std::byte* used_ = nullptr;
  std::uint16_t size_ = 0;
  bool event_index_ = false;
  bool faulted_ = false;
  std::uint16_t next_available_ = 0;
  std::uint16_t next_used_ = 0;
  // The value of next_used_ at the last signal_used.
  std::uint16_t signalled_used_ = 0;
};

}  // namespace faasnap::virtio
