// SPDX-License-Identifier: Apache-2.0

// The saved form of a transport. Fields in order, little-endian:
//   u32 device type    u32 status            u32 device feature select
//   u32 driver feature select    u32 queue select    u64 driver features
//   u32 interrupt status    u32 number of queues, and for each
//     u16 size    u32 ready (0 or 1)    u64 descriptors    u64 available    u64 used
//     u16 position (Queue::position)
//   the device's own state
#include <fmt/format.h>

#include "virtio/mmio_registers.h"
#include "virtio/mmio_transport.h"

namespace faasnap::virtio {

struct MmioTransport::SavedState {
  Registers registers;
  std::uint32_t interrupt_status = 0;
  std::vector<QueueState> queues;
  std::vector<std::uint16_t> positions;

  bool running() const noexcept {
    return (registers.status & kDriverOk) != 0 && (registers.status & kNeedsReset) == 0;
  }
};

std::vector<std::byte> MmioTransport::save() const {
  base::ByteWriter out;
  out.put(device_->type());
  out.put(registers_.status);
  out.put(registers_.device_feature_select);
  out.put(registers_.driver_feature_select);
  out.put(registers_.queue_select);
  out.put(registers_.driver_features);
  out.put(interrupt_status());
  out.put(static_cast<std::uint32_t>(queue_states_.size()));
  for (std::size_t i = 0; i < queue_states_.size(); ++i) {
    const QueueState& queue = queue_states_[i];
    out.put(queue.layout.size);
    out.put(queue.ready ? 1U : 0U);
    out.put(queue.layout.descriptors.value);
    out.put(queue.layout.available.value);
    out.put(queue.layout.used.value);
    out.put(active_ ? queues_[i].position() : std::uint16_t{0});
  }
  device_->save(out);
  return out.take();
}

MmioTransport::SavedState MmioTransport::parse(base::ByteReader& state) const {
  SavedState saved;
  const auto type = state.get<std::uint32_t>();
  if (type != device_->type()) {
    state.reject(fmt::format("virtio device type {}, expected {} ({})", type, device_->type(),
                             device_->name()));
  }
  saved.registers.status = state.get<std::uint32_t>();
  saved.registers.device_feature_select = state.get<std::uint32_t>();
  saved.registers.driver_feature_select = state.get<std::uint32_t>();
  saved.registers.queue_select = state.get<std::uint32_t>();
  saved.registers.driver_features = state.get<std::uint64_t>();
  saved.interrupt_status = state.get<std::uint32_t>();
  const auto count = state.get<std::uint32_t>();
  if (count != queue_states_.size()) {
    state.reject(fmt::format("{} virtqueues, expected {}", count, queue_states_.size()));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    QueueState queue;
    queue.layout.size = state.get<std::uint16_t>();
    const auto ready = state.get<std::uint32_t>();
    if (ready > 1) {
      state.reject(fmt::format("virtqueue {}: ready is {}, expected 0 or 1", i, ready));
    }
    queue.ready = ready == 1;
    queue.layout.descriptors.value = state.get<std::uint64_t>();
    queue.layout.available.value = state.get<std::uint64_t>();
    queue.layout.used.value = state.get<std::uint64_t>();
    saved.queues.push_back(queue);
    saved.positions.push_back(state.get<std::uint16_t>());
  }
  return saved;
}

void MmioTransport::check(const SavedState& saved, const base::ByteReader& state) const {
  const Registers& registers = saved.registers;
  constexpr std::uint32_t kStatusBits =
      kAcknowledge | kDriver | kDriverOk | kFeaturesOk | kNeedsReset | kFailed;
  if ((registers.status & ~kStatusBits) != 0) {
    state.reject(fmt::format("virtio device status {:#x} has unknown bits", registers.status));
  }
  if ((registers.status & kDriverOk) != 0 && (registers.status & kFeaturesOk) == 0) {
    state.reject(fmt::format("virtio device status {:#x} lacks FEATURES_OK", registers.status));
  }
  if ((registers.status & kFeaturesOk) != 0) {
    if ((registers.driver_features & ~offered_features()) != 0 ||
        (registers.driver_features & kFeatureVersion1) == 0) {
      state.reject(fmt::format("virtio features {:#x} are not among those offered, {:#x}",
                               registers.driver_features, offered_features()));
    }
  }
  if ((saved.interrupt_status & ~(kUsedBuffer | kConfigChange)) != 0) {
    state.reject(fmt::format("virtio interrupt status {:#x}, expected at most {:#x}",
                             saved.interrupt_status, kUsedBuffer | kConfigChange));
  }
  for (std::size_t i = 0; saved.running() && i < saved.queues.size(); ++i) {
    if (!saved.queues[i].ready) {
      continue;
    }
    const std::string defect =
        check_layout(memory_, saved.queues[i].layout, device_->queue_sizes()[i]);
    if (!defect.empty()) {
      state.reject(fmt::format("virtqueue {}: {}", i, defect));
    }
  }
}

void MmioTransport::restore(base::ByteReader& state) {
  SavedState saved = parse(state);
  check(saved, state);
  device_->restore(state);
  reset();
  registers_ = saved.registers;
  interrupt_status_ = saved.interrupt_status;
  queue_states_ = saved.queues;
  drained_ = true;
  if (saved.running()) {
    start_device(saved.positions, Activation::restored);
    device_->drain();
  }
}

}  // namespace faasnap::virtio
