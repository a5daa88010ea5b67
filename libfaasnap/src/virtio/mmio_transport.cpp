#include "virtio/mmio_transport.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>

#include "virtio/mmio_registers.h"

namespace faasnap::virtio {
namespace {

// The driver decides how often it breaks the rules; the log is not to fill up with it.
constexpr unsigned kMaximumFaultsLogged = 16;

constexpr std::uint32_t low_half(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

constexpr std::uint64_t with_low_half(std::uint64_t old, std::uint32_t value) {
  return (old & ~0xffff'ffffULL) | value;
}

constexpr std::uint64_t with_high_half(std::uint64_t old, std::uint32_t value) {
  return (old & 0xffff'ffffULL) | (static_cast<std::uint64_t>(value) << 32);
}

}  // namespace

MmioTransport::MmioTransport(base::EventLoop& loop, const memory::GuestMemory& memory,
                             std::unique_ptr<Device> device, Interrupt& interrupt, LogSink log)
    : loop_(loop),
      memory_(memory),
      device_(std::move(device)),
      interrupt_(interrupt),
      log_(std::move(log)),
      queue_states_(device_->queue_sizes().size()),
      notifiers_(queue_states_.size()) {
  queues_.reserve(queue_states_.size());
}

MmioTransport::~MmioTransport() { reset(); }

std::uint64_t MmioTransport::offered_features() const noexcept {
  return device_->features() | kFeatureIndirect | kFeatureEventIndex | kFeatureVersion1;
}

bool MmioTransport::has_status(std::uint32_t bits) const noexcept {
  return (registers_.status & bits) == bits;
}

void MmioTransport::read(std::uint64_t offset, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  if (offset >= kConfig) {
    const auto config = device_->config();
    const std::uint64_t start = offset - kConfig;
    if (start < config.size() && out.size() <= config.size() - start) {
      std::memcpy(out.data(), config.data() + start, out.size());
    }
    return;
  }
  if (out.size() == sizeof(std::uint32_t) && offset % sizeof(std::uint32_t) == 0) {
    const std::uint32_t value = read_register(offset);
    std::memcpy(out.data(), &value, sizeof(value));
  }
}

void MmioTransport::write(std::uint64_t offset, std::span<const std::byte> data) {
  std::uint32_t value = 0;
  if (offset < kConfig && data.size() == sizeof(value) && offset % sizeof(value) == 0) {
    std::memcpy(&value, data.data(), sizeof(value));
    write_register(offset, value);
  }
}

std::uint32_t MmioTransport::read_register(std::uint64_t offset) const noexcept {
  const bool known_queue = registers_.queue_select < queue_states_.size();
  switch (offset) {
    case kMagicValue:
      return kMagic;
    case kVersion:
      return kTransportVersion;
    case kDeviceId:
      return device_->type();
    case kDeviceFeatures:
      switch (registers_.device_feature_select) {
        case 0:
          return low_half(offered_features());
        case 1:
          return low_half(offered_features() >> 32);
        default:
          return 0;
      }
    case kQueueSizeMaximum:
      return known_queue ? device_->queue_sizes()[registers_.queue_select] : 0;
    case kQueueReady:
      return known_queue && queue_states_[registers_.queue_select].ready ? 1 : 0;
    case kMmioInterruptStatus:
      return interrupt_status();
    case kStatus:
      return registers_.status;
    case kSharedMemoryLengthLow:
    case kSharedMemoryLengthHigh:
    case kSharedMemoryBaseLow:
    case kSharedMemoryBaseHigh:
      return ~0U;  // there is no shared memory region
    default:
      return 0;
  }
}

void MmioTransport::write_register(std::uint64_t offset, std::uint32_t value) {
  switch (offset) {
    case kDeviceFeaturesSelect:
      registers_.device_feature_select = value;
      break;
    case kDriverFeatures:
      write_driver_features(value);
      break;
    case kDriverFeaturesSelect:
      registers_.driver_feature_select = value;
      break;
    case kQueueSelect:
      registers_.queue_select = value;
      break;
    case kMmioQueueNotify:
      notify(value);
      break;
    case kMmioInterruptAck:
      acknowledge_interrupt(value);
      break;
    case kStatus:
      write_status(value);
      break;
    default:
      write_queue_register(offset, value);
  }
}

void MmioTransport::write_driver_features(std::uint32_t value) noexcept {
  if (!has_status(kDriver) || has_status(kFeaturesOk)) {
    return;
  }
  std::uint64_t& features = registers_.driver_features;
  if (registers_.driver_feature_select == 0) {
    features = with_low_half(features, value);
  } else if (registers_.driver_feature_select == 1) {
    features = with_high_half(features, value);
  }
}

void MmioTransport::write_queue_register(std::uint64_t offset, std::uint32_t value) noexcept {
  if (!has_status(kFeaturesOk) || has_status(kDriverOk) ||
      registers_.queue_select >= queue_states_.size()) {
    return;
  }
  QueueState& queue = queue_states_[registers_.queue_select];
  if (offset == kQueueReady) {
    queue.ready = (value & 1) != 0;
    return;
  }
  if (queue.ready) {
    return;
  }
  QueueLayout& layout = queue.layout;
  switch (offset) {
    case kQueueSize:
      // A size that is not one becomes 0, and is found out when the driver is done.
      layout.size = value <= 0xffff ? static_cast<std::uint16_t>(value) : 0;
      break;
    case kQueueDescriptorLow:
      layout.descriptors.value = with_low_half(layout.descriptors.value, value);
      break;
    case kQueueDescriptorHigh:
      layout.descriptors.value = with_high_half(layout.descriptors.value, value);
      break;
    case kQueueDriverLow:
      layout.available.value = with_low_half(layout.available.value, value);
      break;
    case kQueueDriverHigh:
      layout.available.value = with_high_half(layout.available.value, value);
      break;
    case kQueueDeviceLow:
      layout.used.value = with_low_half(layout.used.value, value);
      break;
    case kQueueDeviceHigh:
      layout.used.value = with_high_half(layout.used.value, value);
      break;
    default:
      break;
  }
}

void MmioTransport::write_status(std::uint32_t value) {
  if (value == 0) {
    reset();
    return;
  }
  // A driver sets bits and clears them by a reset only.
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
  for (std::size_t i = 0; i < notifiers_.size(); ++i) {
    loop_.watch(notifiers_[i].get(), EPOLLIN, [this, i](std::uint32_t) {
      notifiers_[i].drain();
      notify(i);
    });
  }
}

void MmioTransport::reset() noexcept {
  if (active_) {
    for (const auto& notifier : notifiers_) {
      loop_.unwatch(notifier.get());
    }
    device_->reset();
  }
  active_ = false;
  queues_.clear();
  registers_ = {};
  std::fill(queue_states_.begin(), queue_states_.end(), QueueState{});
  interrupt_status_ = 0;
}

void MmioTransport::notify(std::size_t queue) {
  if (active_ && !drained_ && !has_status(kNeedsReset) && queue < queues_.size()) {
    device_->notify(queue);
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
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      notify(i);
    }
  }
  if (interrupt_status() != 0) {
    interrupt_.trigger();
  }
}

void MmioTransport::raise(std::uint32_t bit) noexcept {
  interrupt_status_.fetch_or(bit);
  interrupt_.trigger();
}

void MmioTransport::on_used_buffers() noexcept { raise(kUsedBuffer); }

void MmioTransport::on_fault(const std::string& reason) noexcept {
  registers_.status |= kNeedsReset;
  if (has_status(kDriverOk)) {
    raise(kConfigChange);
  }
  if (log_ && faults_logged_ < kMaximumFaultsLogged) {
    ++faults_logged_;
    log_(LogLevel::warning,
         fmt::format("{}: the guest's driver broke the rules, the device waits for a reset: {}",
                     device_->name(), reason));
  }
}

}  // namespace faasnap::virtio
