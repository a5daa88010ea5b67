// SPDX-License-Identifier: Apache-2.0

#include "virtio/queue.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <tuple>
#include <utility>

namespace faasnap::virtio {

using memory::GuestAddress;

struct Queue::Descriptor {
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t flags;
  std::uint16_t next;
};

namespace {

static_assert(std::endian::native == std::endian::little, "rings are little-endian");

constexpr std::size_t kDescriptorSize = 16;

// Descriptor flags.
constexpr std::uint16_t kNext = 1;
constexpr std::uint16_t kWrite = 2;
constexpr std::uint16_t kIndirect = 4;

// A flag of the available ring.
constexpr std::uint16_t kNoInterrupt = 1;

// Both rings begin with 16 bits of flags and a 16-bit index; then come the entries, and then 16
// bits of event index.
constexpr std::size_t kIndexOffset = 2;
constexpr std::size_t kRingOffset = 4;
constexpr std::size_t kAvailableEntrySize = 2;
constexpr std::size_t kUsedEntrySize = 8;

std::uint64_t available_bytes(std::uint16_t size) {
  return kRingOffset + kAvailableEntrySize * size + sizeof(std::uint16_t);
}

std::uint64_t used_bytes(std::uint16_t size) {
  return kRingOffset + kUsedEntrySize * size + sizeof(std::uint16_t);
}

// Returns a 16-bit field that driver and device share. Rings are aligned, and guest memory is
// mapped at page boundaries.
std::atomic_ref<std::uint16_t> shared(std::byte* field) {
  return std::atomic_ref<std::uint16_t>(*reinterpret_cast<std::uint16_t*>(field));
}

}  // namespace

std::string check_layout(const memory::GuestMemory& memory, const QueueLayout& layout,
                         std::uint16_t maximum) {
  if (!std::has_single_bit(layout.size) || layout.size > maximum) {
    return fmt::format("queue size is {}, expected a power of two up to {}", layout.size, maximum);
  }
  const std::array<std::tuple<const char*, GuestAddress, std::uint64_t, std::uint64_t>, 3> parts{{
      {"descriptor table", layout.descriptors, kDescriptorSize * layout.size, kDescriptorSize},
      {"available ring", layout.available, available_bytes(layout.size), sizeof(std::uint16_t)},
      {"used ring", layout.used, used_bytes(layout.size), sizeof(std::uint32_t)},
  }};
  for (const auto& [what, address, bytes, alignment] : parts) {
    if (address.value % alignment != 0) {
      return fmt::format("{} at {:#x} is not aligned to {} bytes", what, address.value, alignment);
    }
    if (!memory.view(address, bytes)) {
      return fmt::format("{} at {:#x}, {} bytes, is not guest memory", what, address.value, bytes);
    }
  }
  return {};
}

Queue::Queue(const memory::GuestMemory& memory, const QueueLayout& layout, bool event_index,
             std::uint16_t position, QueueOwner& owner)
    : memory_(&memory),
      owner_(&owner),
      descriptors_(memory.view(layout.descriptors, kDescriptorSize * layout.size).value().data()),
      available_(memory.view(layout.available, available_bytes(layout.size)).value().data()),
      used_(memory.view(layout.used, used_bytes(layout.size)).value().data()),
      size_(layout.size),
      event_index_(event_index),
      next_available_(position),
      next_used_(position),
      signalled_used_(position) {}

bool Queue::reachable() noexcept {
  return memory_->holds() || reject("the memory of the rings is unavailable");
}

std::uint16_t Queue::available() noexcept {
  if (!in_use() || faulted_ || !reachable()) {
    return 0;
  }
  // Sequentially consistent because enable_notifications needs it. It is also the acquire that
  // makes the entries and descriptors before the index visible.
  const std::uint16_t index = shared(available_ + kIndexOffset).load();
  const auto untaken = static_cast<std::uint16_t>(index - next_available_);
  // Each outstanding chain holds at least one descriptor, so there are at most `size_` of them.
  // This bounds the work that a device has in flight.
  if (untaken > size_ || untaken + outstanding() > size_) {
    reject(fmt::format("available index {} is {} ahead, with {} chains in use, in a queue of {}",
                       index, untaken, outstanding(), size_));
    return 0;
  }
  return untaken;
}

bool Queue::pop(DescriptorChain& chain) {
  if (available() == 0) {
    return false;
  }
  chain.readable.clear();
  chain.writable.clear();
  std::byte* entry = available_ + kRingOffset + kAvailableEntrySize * (next_available_ % size_);
  chain.head = shared(entry).load(std::memory_order_relaxed);
  const std::span table(descriptors_, kDescriptorSize * size_);
  if (!collect(table, chain.head, Table::main, chain)) {
    return false;
  }
  ++next_available_;
  return true;
}

bool Queue::collect(std::span<const std::byte> table, std::uint16_t first, Table kind,
                    DescriptorChain& chain) {
  const std::size_t entries = table.size() / kDescriptorSize;
  std::uint16_t index = first;
  for (std::size_t step = 0; step < entries; ++step) {
    if (index >= entries) {
      return reject(fmt::format("descriptor {} of a table of {}", index, entries));
    }
    // Read once: the driver may change the descriptor meanwhile, and only the checked copy is used.
    Descriptor descriptor;
    static_assert(sizeof(descriptor) == kDescriptorSize);
    std::memcpy(&descriptor, table.data() + kDescriptorSize * index, kDescriptorSize);
    if ((descriptor.flags & kIndirect) != 0) {
      return kind == Table::indirect ? reject("indirect descriptor within an indirect table")
                                     : collect_indirect(descriptor, chain);
    }
    if (!add(descriptor, chain)) {
      return false;
    }
    if ((descriptor.flags & kNext) == 0) {
      return true;
    }
    index = descriptor.next;
  }
  return reject(fmt::format("chain of descriptor {} does not end", first));
}

bool Queue::collect_indirect(const Descriptor& descriptor, DescriptorChain& chain) {
  if ((descriptor.flags & kNext) != 0) {
    return reject("indirect descriptor with a next descriptor");
  }
  if (descriptor.length == 0 || descriptor.length % kDescriptorSize != 0 ||
      descriptor.length > kDescriptorSize * kMaximumChainLength) {
    return reject(fmt::format("indirect table of {} bytes", descriptor.length));
  }
  const auto table = memory_->view(GuestAddress{descriptor.address}, descriptor.length);
  if (!table) {
    return reject(fmt::format("indirect table at {:#x}, {} bytes, is not guest memory",
                              descriptor.address, descriptor.length));
  }
  return collect(*table, 0, Table::indirect, chain);
}

bool Queue::add(const Descriptor& descriptor, DescriptorChain& chain) {
  if (descriptor.length == 0) {
    return reject("descriptor of zero bytes");
  }
  const auto buffer = memory_->place(GuestAddress{descriptor.address}, descriptor.length);
  if (!buffer) {
    return reject(fmt::format("buffer at {:#x}, {} bytes, is not guest memory", descriptor.address,
                              descriptor.length));
  }
  if (chain.readable.size() + chain.writable.size() == kMaximumChainLength) {
    return reject(fmt::format("chain of more than {} buffers", kMaximumChainLength));
  }
  const bool writable = (descriptor.flags & kWrite) != 0;
  if (!writable && !chain.writable.empty()) {
    return reject("readable buffer after a writable one");
  }
  (writable ? chain.writable : chain.readable).push_back({buffer->data(), buffer->size()});
  return true;
}

bool Queue::admit(std::span<const iovec> buffers, std::size_t offset, std::size_t length) noexcept {
  bool available = true;
  const bool complete =
      for_each_piece(buffers, offset, length, [&](const std::byte* piece, std::size_t size) {
        available = available && memory_->admit({piece, size});
      });
  return (complete && available) ||
         reject(
             fmt::format("buffers with no {} bytes at offset {} that can be used", length, offset));
}

void Queue::undo_pop(std::uint16_t count) noexcept {
  next_available_ = static_cast<std::uint16_t>(next_available_ - count);
}

void Queue::push_used(std::span<const UsedChain> chains) noexcept {
  const std::uint16_t first = next_used_;
  next_used_ = static_cast<std::uint16_t>(next_used_ + chains.size());
  if (!reachable()) {
    return;
  }
  std::uint16_t place = first;
  for (const UsedChain& chain : chains) {
    const std::array<std::uint32_t, 2> entry{chain.head, chain.length};
    static_assert(sizeof(entry) == kUsedEntrySize);
    std::memcpy(used_ + kRingOffset + kUsedEntrySize * (place++ % size_), &entry, sizeof(entry));
  }
  // Publishes the entries and the buffers. Sequentially consistent, since signal_used must not read
  // the driver's wish before the driver can see this store.
  shared(used_ + kIndexOffset).store(next_used_);
}

void Queue::signal_used() noexcept {
  const std::uint16_t before = std::exchange(signalled_used_, next_used_);
  if (before == next_used_ || !reachable()) {
    return;
  }
  bool wanted = false;
  if (event_index_) {
    std::byte* event = available_ + kRingOffset + kAvailableEntrySize * size_;
    // The driver wants an interrupt if the entry with its event index is among the new ones (virtio
    // 1.2, section 2.7.7.2).
    const auto distance = static_cast<std::uint16_t>(next_used_ - shared(event).load() - 1);
    wanted = distance < static_cast<std::uint16_t>(next_used_ - before);
  } else {
    wanted = (shared(available_).load() & kNoInterrupt) == 0;
  }
  if (wanted) {
    owner_->on_used_buffers();
  }
}

bool Queue::enable_notifications(std::uint16_t known) noexcept {
  if (!in_use() || faulted_ || !reachable()) {
    return false;
  }
  if (event_index_) {
    std::byte* event = used_ + kRingOffset + kUsedEntrySize * size_;
    shared(event).store(static_cast<std::uint16_t>(next_available_ + known));
  }
  return available() > known;
}

void Queue::fault(const std::string& reason) noexcept { reject(reason); }

bool Queue::reject(const std::string& reason) noexcept {
  if (!std::exchange(faulted_, true)) {
    owner_->on_fault(reason);
  }
  return false;
}

}  // namespace faasnap::virtio
