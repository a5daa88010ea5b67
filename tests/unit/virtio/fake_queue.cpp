// SPDX-License-Identifier: Apache-2.0

#include "virtio/fake_queue.h"

#include <atomic>
#include <stdexcept>
#include <utility>

namespace faasnap::virtio::test {
namespace {

std::atomic_ref<std::uint16_t> field(const memory::GuestMemory& memory, GuestAddress start,
                                     std::uint64_t offset) {
  const auto view = memory.view({start.value + offset}, sizeof(std::uint16_t)).value();
  return std::atomic_ref<std::uint16_t>(*reinterpret_cast<std::uint16_t*>(view.data()));
}

}  // namespace

GuestAddress Allocator::take(std::uint64_t bytes, std::uint64_t alignment) {
  next_ = (next_ + alignment - 1) / alignment * alignment;
  const GuestAddress taken{next_};
  next_ += bytes;
  return taken;
}

FakeQueue::FakeQueue(const memory::GuestMemory& memory, Allocator& allocator, std::uint16_t size)
    : memory_(memory), allocator_(allocator), chains_(size) {
  layout_.size = size;
  layout_.descriptors = allocator.take(16ULL * size);
  layout_.available = allocator.take(6ULL + 2 * size);
  layout_.used = allocator.take(6ULL + 8 * size);
  for (std::uint16_t i = size; i-- > 0;) {
    free_.push_back(i);
  }
}

FakeQueue::FakeQueue(const FakeQueue& other, const memory::GuestMemory& memory,
                     Allocator& allocator)
    : event_index(other.event_index),
      wants_interrupts(other.wants_interrupts),
      memory_(memory),
      allocator_(allocator),
      layout_(other.layout_),
      free_(other.free_),
      chains_(other.chains_),
      available_index_(other.available_index_),
      kicked_index_(other.kicked_index_),
      used_seen_(other.used_seen_) {}

FakeQueue FakeQueue::moved_to(const memory::GuestMemory& memory, Allocator& allocator) const {
  return FakeQueue(*this, memory, allocator);
}

std::uint16_t FakeQueue::add(std::span<const Buffer> buffers) {
  const std::uint16_t head = link(buffers, std::nullopt);
  offer(head);
  return head;
}

std::uint16_t FakeQueue::add_indirect(std::span<const Buffer> buffers, std::size_t direct) {
  const auto tail = buffers.subspan(direct);
  const GuestAddress table = allocator_.take(16 * tail.size());
  for (std::size_t i = 0; i < tail.size(); ++i) {
    const bool last = i + 1 == tail.size();
    const auto flags = (tail[i].writable ? kWrite : 0) | (last ? 0 : kNext);
    memory_.write_value(
        {table.value + 16 * i},
        Descriptor{tail[i].address.value, tail[i].length, static_cast<std::uint16_t>(flags),
                   static_cast<std::uint16_t>(last ? 0 : i + 1)});
  }
  const Descriptor reference{table.value, static_cast<std::uint32_t>(16 * tail.size()), kIndirect,
                             0};
  const std::uint16_t head = link(buffers.first(direct), reference);
  offer(head);
  return head;
}

std::uint16_t FakeQueue::link(std::span<const Buffer> buffers, std::optional<Descriptor> last) {
  std::vector<Descriptor> descriptors;
  for (const Buffer& buffer : buffers) {
    descriptors.push_back({buffer.address.value, buffer.length,
                           static_cast<std::uint16_t>(buffer.writable ? kWrite : 0), 0});
  }
  if (last) {
    descriptors.push_back(*last);
  }
  if (descriptors.size() > free_.size()) {
    throw std::logic_error("the test needs more descriptors than its queue has");
  }
  std::vector<std::uint16_t> indices(free_.end() - static_cast<std::ptrdiff_t>(descriptors.size()),
                                     free_.end());
  free_.resize(free_.size() - indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (i + 1 < indices.size()) {
      descriptors[i].flags |= kNext;
      descriptors[i].next = indices[i + 1];
    }
    write_descriptor(indices[i], descriptors[i]);
  }
  const std::uint16_t head = indices.front();
  chains_[head] = std::move(indices);
  return head;
}

bool FakeQueue::needs_kick() {
  const std::uint16_t before = std::exchange(kicked_index_, available_index_);
  if (!event_index) {
    return (field(memory_, layout_.used, 0).load() & 1) == 0;
  }
  const std::uint16_t event = field(memory_, layout_.used, 4 + 8ULL * layout_.size).load();
  return static_cast<std::uint16_t>(available_index_ - event - 1) <
         static_cast<std::uint16_t>(available_index_ - before);
}

std::uint16_t FakeQueue::used_index() const { return field(memory_, layout_.used, 2).load(); }

std::optional<Used> FakeQueue::take_used() {
  if (used_index() == used_seen_) {
    return std::nullopt;
  }
  const std::uint64_t entry = 4 + 8ULL * (used_seen_ % layout_.size);
  const auto used = memory_.read_value<Used>({layout_.used.value + entry}).value();
  ++used_seen_;
  if (wants_interrupts) {
    set_used_event(used_seen_);
  }
  for (const std::uint16_t index : chains_.at(used.head)) {
    free_.push_back(index);
  }
  chains_[used.head].clear();
  return used;
}

void FakeQueue::write_descriptor(std::uint16_t index, const Descriptor& descriptor) {
  memory_.write_value({layout_.descriptors.value + 16ULL * index}, descriptor);
}

void FakeQueue::offer(std::uint16_t head) {
  const std::uint64_t entry = 4 + 2ULL * (available_index_ % layout_.size);
  field(memory_, layout_.available, entry).store(head);
  set_available_index(static_cast<std::uint16_t>(available_index_ + 1));
}

void FakeQueue::set_available_index(std::uint16_t index) {
  available_index_ = index;
  field(memory_, layout_.available, 2).store(index);
}

void FakeQueue::set_no_interrupt_flag(bool set) {
  field(memory_, layout_.available, 0).store(set ? 1 : 0);
}

void FakeQueue::set_used_event(std::uint16_t index) {
  field(memory_, layout_.available, 4 + 2ULL * layout_.size).store(index);
}

}  // namespace faasnap::virtio::test
