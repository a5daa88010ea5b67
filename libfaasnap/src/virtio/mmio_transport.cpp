// SPDX-License-Identifier: Apache-2.0

#include "virtio/mmio_transport.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>

#include "virtio/mmio_registers.h"

namespace faasnap::virtio {
namespace {

// Limits how much a driver that keeps violating the specification can fill the log.
constexpr unsigned kMaximumFaultsLogged = 16;

}  // namespace

MmioTransport::MmioTransport(base::EventLoop& loop, const memory::GuestMemory& memory,
                             std::unique_ptr<Device> device, Interrupt& interrupt, LogSink log)
    : loop_(loop),
      memory_(memory),
      device_(std::move(device)),
      interrupt_(interrupt),
      log_(std::move(log)),
      queue_states_(device_->queue_sizes().size()) {
  queues_.reserve(queue_states_.size());
  device_->belong_to(*this);
}

MmioTransport::~MmioTransport() { reset(); }

std::uint64_t MmioTransport::offered_features() const noexcept {
  return device_->features() | kFeatureIndirect | kFeatureEventIndex | kFeatureVersion1;
}

bool MmioTransport::has_status(std::uint32_t bits) const noexcept {
  return (registers_.status & bits) == bits;
}

void MmioTransport::write_status(std::uint32_t value) {
  if (value == 0) {
    reset();
    return;
  }
  // A driver may set bits; only a reset clears them.
  std::uint32_t added = value & ~registers_.status & ~kNeedsReset;
  if ((added & kFeaturesOk) != 0) {
    const bool acceptable = (registers_.driver_features & ~offered_features()) == 0 &&
                            (registers_.driver_features & kFeatureVersion1) != 0;
    if (!acceptable) {
      added &= ~kFeaturesOk;
    }
  }
  const bool starts = (added & kDriverOk) != 0;
  if (starts && ((registers_.status | added) & kFeaturesOk) == 0) {
    added &= ~kDriverOk;
  }
  registers_.status |= added & (kAcknowledge | kDriver | kDriverOk | kFeaturesOk | kFailed);
  if ((added & kDriverOk) != 0) {
    activate();
  }
}

void MmioTransport::activate() {
  for (std::size_t i = 0; i < queue_states_.size(); ++i) {
    if (!queue_states_[i].ready) {
      continue;
    }
    const std::string defect =
        check_layout(memory_, queue_states_[i].layout, device_->queue_sizes()[i]);
    if (!defect.empty()) {
      on_fault(fmt::format("queue {}: {}", i, defect));
      return;
    }
  }
  start_device(std::vector<std::uint16_t>(queue_states_.size(), 0), Activation::fresh);
}

void MmioTransport::start_device(std::span<const std::uint16_t> positions, Activation activation) {
  const bool event_index = (registers_.driver_features & kFeatureEventIndex) != 0;
  QueueOwner& owner = *this;
  queues_.clear();
  for (std::size_t i = 0; i < queue_states_.size(); ++i) {
    if (queue_states_[i].ready) {
      queues_.emplace_back(memory_, queue_states_[i].layout, event_index, positions[i], owner);
    } else {
      queues_.emplace_back();
    }
  }
  active_ = true;
  device_->activate(queues_, registers_.driver_features, activation);
  loop_.watch(notifier_.get(), EPOLLIN, [this](std::uint32_t) {
    notifier_.drain();
    notify();
  });
}

void MmioTransport::reset() noexcept {
  if (active_) {
    loop_.unwatch(notifier_.get());
    device_->reset();
  }
  active_ = false;
  queues_.clear();
  registers_ = {};
  std::fill(queue_states_.begin(), queue_states_.end(), QueueState{});
  interrupt_status_ = 0;
}

void MmioTransport::notify() {
  if (active_ && !drained_ && !has_status(kNeedsReset)) {
    device_->notify();
  }
}

void MmioTransport::drain() {
  drained_ = true;
  if (active_) {
    device_->drain();
  }
}

void MmioTransport::resume() {
  drained_ = false;
  if (active_) {
    device_->resume();
    notify();
  }
  if (interrupt_status() != 0) {
    interrupt_.trigger();
  }
}

// While the transport is drained, the interrupt waits for resume.
void MmioTransport::raise(std::uint32_t bit) noexcept {
  interrupt_status_.fetch_or(bit);
  if (!drained_) {
    interrupt_.trigger();
  }
}

void MmioTransport::on_used_buffers() noexcept { raise(kUsedBuffer); }

void MmioTransport::on_config_change() noexcept {
  if (active_) {
    raise(kConfigChange);
  }
}

void MmioTransport::on_fault(const std::string& reason) noexcept {
  registers_.status |= kNeedsReset;
  if (has_status(kDriverOk)) {
    raise(kConfigChange);
  }
  if (!log_ || faults_logged_ == kMaximumFaultsLogged) {
    return;
  }
  ++faults_logged_;
  try {
    log_(LogLevel::warning,
         fmt::format(
             "{}: the guest's driver violated the specification, the device waits for a reset: {}",
             device_->name(), reason));
  } catch (...) {
    // The device must not fail because a message cannot be delivered.
  }
}

}  // namespace faasnap::virtio
