#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "memory/guest_memory.h"
#include "virtio/descriptor_chain.h"

namespace faasnap::virtio {

// Where the driver put a split virtqueue, and how many entries it has.
struct QueueLayout {
  std::uint16_t size = 0;
  memory::GuestAddress descriptors;  // the descriptor table
  memory::GuestAddress available;    // the ring that the driver writes
  memory::GuestAddress used;         // the ring that the device writes
};

// Why a driver may not use `layout` for a queue of at most `maximum` entries; empty when it may.
// Checks the size, the alignments and that all three parts are guest memory.
std::string check_layout(const memory::GuestMemory& memory, const QueueLayout& layout,
                         std::uint16_t maximum);

// What a device does with the buffers of a chain: it reads and writes them, or only wants to know
// where they lie, so that they need not be in memory and must not be touched.
enum class BufferUse { access, location };

// What a queue tells the transport that it belongs to.
class QueueOwner {
 public:
  virtual ~QueueOwner() = default;
  // The driver wants to know of the entries added to the used ring.
  virtual void on_used_buffers() noexcept = 0;
  // The driver broke the rules; the device stops until it is reset.
  virtual void on_fault(const std::string& reason) noexcept = 0;
};

// The device's side of one split virtqueue (virtio 1.2, section 2.7), with indirect descriptors
// (VIRTIO_F_INDIRECT_DESC) and, where negotiated, event suppression by index
// (VIRTIO_F_EVENT_IDX). The driver is hostile: whatever it writes into the rings, the queue at
// worst reports a fault to its owner, once, and from then on yields nothing.
//
// For one thread, the device's; the memory and the owner must outlive it. The driver runs
// concurrently.
class Queue {
 public:
  // A queue that the driver left unused: it yields nothing and takes nothing.
  Queue() noexcept = default;
  // `layout` has passed check_layout. `position` is how many chains were taken and returned before
  // (modulo 65536): 0, or position() of the queue that this one continues.
  Queue(const memory::GuestMemory& memory, const QueueLayout& layout, bool event_index,
        std::uint16_t position, QueueOwner& owner);

  bool in_use() const noexcept { return size_ != 0; }

  // Takes the next available chain into `chain`, whose storage is reused; false when there is none.
  // Every chain taken is given back by push_used or undo_pop.
  bool pop(DescriptorChain& chain, BufferUse use = BufferUse::access);
  // Gives the chain taken last back to the front, as if pop had not been called. Not after another
  // pop or push_used.
  void undo_pop() noexcept;
  // Returns a chain to the driver with `length` bytes written to it. The driver is told by
  // signal_used only.
  void push_used(std::uint16_t head, std::uint32_t length) noexcept;
  // Interrupts the driver for the chains returned since the last call, unless there are none or it
  // asked not to be.
  void signal_used() noexcept;

  // Chains available and not taken; a count that the rules forbid is a fault, and 0.
  std::uint16_t available() noexcept;
  // Asks the driver to notify the next chain that it makes available beyond `known` ones. True
  // when it has already done so: then look again, as no notification may come for it.
  bool enable_notifications(std::uint16_t known = 0) noexcept;

  // Reports a chain whose content makes no sense for the device; ends the queue.
  void fault(const std::string& reason) noexcept;
  bool faulted() const noexcept { return faulted_; }

  // Chains taken so far, modulo 65536. What a snapshot saves, once all of them are returned.
  std::uint16_t position() const noexcept { return next_available_; }
  // Chains taken and not returned.
  std::uint16_t outstanding() const noexcept {
    return static_cast<std::uint16_t>(next_available_ - next_used_);
  }

 private:
  struct Descriptor;
  enum class Table { main, indirect };

  // Whether the rings can be touched.
  bool reachable() noexcept;
  // Each returns false after reporting a fault.
  bool collect(std::span<const std::byte> table, std::uint16_t first, Table kind, BufferUse use,
               DescriptorChain& chain);
  bool collect_indirect(const Descriptor& descriptor, BufferUse use, DescriptorChain& chain);
  bool add(const Descriptor& descriptor, BufferUse use, DescriptorChain& chain);
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
  // next_used_ at the last signal_used.
  std::uint16_t signalled_used_ = 0;
};

}  // namespace faasnap::virtio
