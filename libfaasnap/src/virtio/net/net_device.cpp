// SPDX-License-Identifier: Apache-2.0

#include "virtio/net/net_device.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

namespace faasnap::virtio {
namespace {

// The queues, and the numbers of their entries: enough buffers of a page for several of the largest
// packets.
constexpr std::size_t kNetToGuest = 0;
constexpr std::size_t kNetFromGuest = 1;
constexpr std::size_t kNetControl = 2;
constexpr std::array<std::uint16_t, 3> kNetQueueSizes{256, 256, 16};

// Features that need no backend (virtio 1.2, section 5.1.3).
constexpr std::uint64_t kNetMtu = 1ULL << 3;
constexpr std::uint64_t kNetMac = 1ULL << 5;
constexpr std::uint64_t kNetMergeBuffers = 1ULL << 15;
constexpr std::uint64_t kNetStatus = 1ULL << 16;
constexpr std::uint64_t kNetControlQueue = 1ULL << 17;
constexpr std::uint64_t kNetGuestAnnounce = 1ULL << 21;
constexpr std::uint64_t kNetFeatures =
    kNetMtu | kNetMac | kNetMergeBuffers | kNetStatus | kNetControlQueue | kNetGuestAnnounce;

// The configuration space (section 5.1.4): the address, then these.
constexpr std::size_t kStatusOffset = 6;
constexpr std::size_t kQueuePairsOffset = 8;
constexpr std::size_t kMtuOffset = 10;
constexpr std::uint16_t kLinkUp = 1;
constexpr std::uint16_t kAnnounce = 2;

// Commands of the control queue (section 5.1.6.5): a class and a number.
constexpr std::array kAnnounceAcknowledged = {std::byte{3}, std::byte{0}};
constexpr std::byte kCommandOk{0};
constexpr std::byte kCommandError{1};

// Maximum size in bytes of a packet from the guest: more than any that a network has.
constexpr std::size_t kMaximumSent = 128 << 10;

// Packets in one direction before the other has its turn.
constexpr unsigned kNetBatch = 64;

// Returns an address of the kind that anybody may use (IEEE 802: locally administered, unicast).
NetAddress random_address() {
  NetAddress address;
  for (std::uint8_t& byte : address) {
    byte = base::random_value<std::uint8_t>();
  }
  address[0] = static_cast<std::uint8_t>((address[0] & 0xfc) | 2);
  return address;
}

bool is_station(const NetAddress& address) {
  return (address[0] & 1) == 0 && address != NetAddress{};
}

DeviceRate network_rate_of(const NetworkRate& rate) {
  return {{rate.bytes_per_second.value, rate.byte_burst.value},
          {rate.packets_per_second, rate.packet_burst}};
}

bool is_mtu(std::uint16_t mtu) { return mtu >= NetDevice::kMinimumMtu; }

template <typename Value>
Value config_value(std::span<const std::byte> config, std::size_t offset) {
  Value value;
  std::memcpy(&value, config.data() + offset, sizeof(value));
  return value;
}

template <typename Value>
void set_config(std::span<std::byte> config, std::size_t offset, const Value& value) {
  std::memcpy(config.data() + offset, &value, sizeof(value));
}

}  // namespace

const std::uint64_t NetDevice::kKnownFeatures = kNetFeatures | kNetOffloads;

NetDevice::NetDevice(base::EventLoop& loop, std::unique_ptr<NetBackend> backend,
                     const NetIdentity& identity, DeviceLimits& limits, LogSink log)
    : loop_(loop),
      limits_(limits),
      backend_(std::move(backend)),
      log_(std::move(log)),
      identity_(identity),
      again_(loop, [this] { work(); }),
      to_guest_rate_(network_rate_of(limits.allowed.network.to_guest)),
      from_guest_rate_(network_rate_of(limits.allowed.network.from_guest)),
      link_up_(backend_ != nullptr) {
  static constexpr const char* kCreate = "create network device";
  const NetAddress address = identity.address ? *identity.address : random_address();
  if (!is_station(address)) {
    base::fail(ErrorKind::invalid_argument, kCreate, {},
               "the MAC address is zero or one of a group");
  }
  const std::uint16_t mtu = identity.mtu != 0 ? identity.mtu : kDefaultMtu;
  if (!is_mtu(mtu)) {
    base::fail(ErrorKind::invalid_argument, kCreate, {},
               fmt::format("MTU is {}, expected {} to {}", mtu, kMinimumMtu, kMaximumMtu));
  }
  const std::uint64_t able = backend_ ? backend_->offloads() : kNetOffloads;
  if ((identity.features & kNetOffloads & ~able) != 0) {
    base::fail(ErrorKind::unsupported, kCreate, {},
               fmt::format("the saved device offered offloads {:#x}, and the new end can do {:#x}",
                           identity.features & kNetOffloads, able));
  }
  features_ = identity.features != 0 ? identity.features : kNetFeatures | able;
  set_config(config_, 0, address);
  set_config(config_, kQueuePairsOffset, std::uint16_t{1});
  set_config(config_, kMtuOffset, mtu);
  set_status(backend_ ? kLinkUp : 0);
}

NetDevice::~NetDevice() { reset(); }

std::span<const std::uint16_t> NetDevice::queue_sizes() const noexcept { return kNetQueueSizes; }

std::uint16_t NetDevice::status() const noexcept {
  return config_value<std::uint16_t>(config_, kStatusOffset);
}

void NetDevice::set_status(std::uint16_t bits) noexcept {
  set_config(config_, kStatusOffset, bits);
}

void NetDevice::change_config() noexcept {
  ++generation_;
  config_changed();
}

void NetDevice::activate(std::span<Queue> queues, std::uint64_t features, Activation activation) {
  const bool large = (features & (kNetGuestTso4 | kNetGuestTso6)) != 0;
  const std::size_t largest = large ? kMaximumPacket
                                    : kNetHeaderSize + kEthernetHeaderSize +
                                          config_value<std::uint16_t>(config_, kMtuOffset);
  if (backend_) {
    backend_->use(features, largest);
    loop_.watch(backend_->descriptor(), 0, [this](std::uint32_t events) {
      if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        close_link();
      }
      backend_has_room_ = true;
      work();
    });
  }
  queues_ = queues;
  watched_ = 0;
  drained_ = false;
  guest_has_room_ = true;
  backend_has_room_ = true;
  const bool mergeable = (features & kNetMergeBuffers) != 0;
  buffers_.start(queues[kNetToGuest], mergeable, mergeable ? kNetHeaderSize : largest);
  restored_ = activation == Activation::restored;
  const bool announce = restored_ && backend_ && (features & kNetGuestAnnounce) != 0;
  set_status((status() & kLinkUp) | (announce ? kAnnounce : 0));
}

void NetDevice::work() {
  if (queues_.empty() || drained_) {
    return;
  }
  TimeSlice slice(limits_);
  next_work_ = kForever;
  guest_has_room_ = true;
  answer_commands(slice);
  bool more = true;
  while (more && !slice.over()) {
    more = send_packets(slice);
    more = receive_packets(slice) || more;
  }
  if (backend_ && !backend_->open()) {
    close_link();
  }
  if (slice.used_up()) {
    next_work_ = Nanoseconds(0);
  }
  if (next_work_ != kForever) {
    again_.start(next_work_);
  }
  for (Queue& queue : queues_) {
    queue.signal_used();
  }
  watch();
}

void NetDevice::answer_commands(const TimeSlice& slice) {
  Queue& queue = queues_[kNetControl];
  DescriptorChain chain;
  while (!slice.over() &&
         (queue.pop(chain) || (queue.enable_notifications() && queue.pop(chain)))) {
    std::array<std::byte, 2> command{};
    const bool valid = total_size(chain.readable) >= command.size() && !chain.writable.empty();
    if (!valid) {
      queue.fault("command without a class, a number, or room for the answer");
      return;
    }
    if (!queue.admit(chain.readable, 0, command.size()) || !queue.admit(chain.writable, 0, 1)) {
      return;
    }
    copy_from(chain.readable, 0, command);
    const bool known = command == kAnnounceAcknowledged;
    if (known) {
      set_status(status() & kLinkUp);
      ++generation_;
    }
    const std::byte answer = known ? kCommandOk : kCommandError;
    copy_to(chain.writable, 0, {&answer, 1});
    queue.push_used(chain.head, 1);
  }
}

bool NetDevice::must_wait(DeviceRate& rate, Nanoseconds now) {
  const bool waited = rate.waiting();
  const Nanoseconds wait = rate.wait(now);
  if (!rate.waiting()) {
    return false;
  }
  limits_.network_waits += waited ? 0 : 1;
  next_work_ = std::min(next_work_, wait);
  return true;
}

bool NetDevice::send_packets(const TimeSlice& slice) {
  Queue& queue = queues_[kNetFromGuest];
  for (unsigned sent = 0; sent < kNetBatch && !slice.over(); ++sent) {
    if (backend_ && backend_->open() && !backend_->flush()) {
      backend_has_room_ = false;
      return false;
    }
    const Nanoseconds now = base::monotonic_now();
    if (must_wait(from_guest_rate_, now)) {
      return false;
    }
    if (!queue.pop(from_guest_chain_) &&
        !(queue.enable_notifications() && queue.pop(from_guest_chain_))) {
      return false;
    }
    switch (send_packet()) {
      case NetBackend::Transfer::done:
        ++from_guest_.packets;
        from_guest_.bytes += total_size(from_guest_chain_.readable) - kNetHeaderSize;
        break;
      case NetBackend::Transfer::dropped:
        ++from_guest_.dropped;
        break;
      case NetBackend::Transfer::blocked:
        queue.undo_pop();
        backend_has_room_ = queue.faulted();
        return false;
    }
    from_guest_rate_.count(total_size(from_guest_chain_.readable), now);
    queue.push_used(from_guest_chain_.head, 0);
  }
  return true;
}

// Blocked if the chain is a fault of the queue.
NetBackend::Transfer NetDevice::send_packet() {
  Queue& queue = queues_[kNetFromGuest];
  const std::span<const iovec> packet = from_guest_chain_.readable;
  const std::size_t size = total_size(packet);
  if (size < kNetHeaderSize + kEthernetHeaderSize || size > kMaximumSent ||
      !from_guest_chain_.writable.empty()) {
    queue.fault(fmt::format("packet of {} bytes, expected {} to {} and none to write to", size,
                            kNetHeaderSize + kEthernetHeaderSize, kMaximumSent));
    return NetBackend::Transfer::blocked;
  }
  if (!backend_ || !backend_->open()) {
    return NetBackend::Transfer::dropped;
  }
  return queue.admit(packet, 0, size) ? backend_->send(packet) : NetBackend::Transfer::blocked;
}

bool NetDevice::receive_packets(const TimeSlice& slice) {
  for (unsigned received = 0; received < kNetBatch && !slice.over(); ++received) {
    const Nanoseconds now = base::monotonic_now();
    if (!backend_ || !backend_->open() || must_wait(to_guest_rate_, now)) {
      return false;
    }
    const std::size_t next = backend_->next_size();
    if (next == 0) {
      return false;
    }
    if (!buffers_.take(next)) {
      guest_has_room_ = false;
      return false;
    }
    std::size_t size = 0;
    switch (backend_->receive(buffers_.room(), size)) {
      case NetBackend::Transfer::done:
        buffers_.give(size);
        ++to_guest_.packets;
        to_guest_.bytes += size - kNetHeaderSize;
        break;
      case NetBackend::Transfer::dropped:
        ++to_guest_.dropped;
        break;
      case NetBackend::Transfer::blocked:
        return false;
    }
    to_guest_rate_.count(size, now);
  }
  return true;
}

// While a direction waits for the guest or for its rate, the descriptor must not wake the loop.
void NetDevice::watch() {
  if (!backend_) {
    return;
  }
  const bool receives = guest_has_room_ && !drained_ && !to_guest_rate_.waiting();
  const std::uint32_t wanted =
      (receives ? EPOLLIN : 0U) | (backend_has_room_ || drained_ ? 0U : EPOLLOUT);
  if (std::exchange(watched_, wanted) != wanted) {
    loop_.modify(backend_->descriptor(), wanted);
  }
}

void NetDevice::close_link() noexcept {
  if (!backend_) {
    return;
  }
  if (!queues_.empty()) {
    loop_.unwatch(backend_->descriptor());
  }
  backend_.reset();
  link_up_ = false;
  set_status(0);
  change_config();
  if (!log_) {
    return;
  }
  try {
    log_(LogLevel::warning, "virtio-net: the link is down, as the host's end is closed");
  } catch (...) {
    // The device must not fail because a message cannot be delivered.
  }
}

void NetDevice::drain() {
  drained_ = true;
  again_.cancel();
  buffers_.put_back();
  watch();
}

void NetDevice::resume() {
  drained_ = false;
  if (std::exchange(restored_, false)) {
    change_config();
  }
}

void NetDevice::reset() noexcept {
  if (queues_.empty()) {
    return;
  }
  again_.cancel();
  buffers_.put_back();
  if (backend_) {
    loop_.unwatch(backend_->descriptor());
  }
  queues_ = {};
}

// The state, little-endian: six bytes of address, u16 MTU, u32 generation of the configuration.
void NetDevice::save(base::ByteWriter& state) const {
  state.put_bytes(std::span(config_).first(sizeof(NetAddress)));
  state.put(config_value<std::uint16_t>(config_, kMtuOffset));
  state.put(generation_);
}

void NetDevice::restore(base::ByteReader& state) {
  NetAddress address;
  std::memcpy(address.data(), state.take(address.size()).data(), address.size());
  const auto mtu = state.get<std::uint16_t>();
  const auto generation = state.get<std::uint32_t>();
  if (!is_station(address) || !is_mtu(mtu)) {
    state.reject(fmt::format("a MAC address that is zero or one of a group, or MTU {}", mtu));
  }
  if (!identity_.address) {
    set_config(config_, 0, address);
  }
  if (identity_.mtu == 0) {
    set_config(config_, kMtuOffset, mtu);
  }
  generation_ = generation;
}

NetworkStats NetDevice::stats() const noexcept {
  const auto traffic = [](const Counters& counters) {
    return NetworkTraffic{
        .packets = counters.packets, .bytes = {counters.bytes}, .dropped = counters.dropped};
  };
  return {.link_up = link_up_, .to_guest = traffic(to_guest_), .from_guest = traffic(from_guest_)};
}

}  // namespace faasnap::virtio
