// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include <faasnap/log.h>
#include <faasnap/units.h>
#include <faasnap/vm_stats.h>

#include "base/threads/event_loop.h"
#include "virtio/device.h"
#include "virtio/device_limits.h"
#include "virtio/device_rate.h"
#include "virtio/net/net_backend.h"
#include "virtio/net/receive_buffers.h"
#include "virtio/time_slice.h"

namespace faasnap::virtio {

using NetAddress = std::array<std::uint8_t, 6>;

// What a network device tells its driver.
struct NetIdentity {
  // Nothing: a random one, or that of the saved device.
  std::optional<NetAddress> address{};
  // 0: kDefaultMtu, or that of the saved device.
  std::uint16_t mtu = 0;
  // The features that the saved device offered. 0: a device of its own, which offers what its
  // backend can do.
  std::uint64_t features = 0;
};

// A network interface of one pair of queues (virtio 1.2, section 5.1). Packets go between guest
// memory and the backend's descriptor. What the guest has no buffers for waits in the backend, what
// the backend has no room for waits in the guest's queue.
//
// A restored device has another backend than the saved one, and packets that were under way may be
// lost. It asks the driver to announce the guest's address (VIRTIO_NET_S_ANNOUNCE). The link is
// down if there is no backend, and from when it is closed; what the guest sends is then dropped.
class NetDevice final : public Device {
 public:
  static constexpr std::uint16_t kDefaultMtu = 1500;
  // The smallest and the largest MTU (virtio 1.2, section 5.1.4.1).
  static constexpr std::uint16_t kMinimumMtu = 68;
  static constexpr std::uint16_t kMaximumMtu = 65535;
  // Every feature that such a device may offer.
  static const std::uint64_t kKnownFeatures;

  // `backend` may be null for a device that is going to be restored. `loop` and `limits` must
  // outlive the device. Throws ErrorKind::invalid_argument for a multicast or zero address or an
  // MTU out of range, and ErrorKind::unsupported if the saved device offered what the backend
  // cannot do.
  NetDevice(base::EventLoop& loop, std::unique_ptr<NetBackend> backend, const NetIdentity& identity,
            DeviceLimits& limits, LogSink log);
  // Must be called on the loop's thread, or after the loop has stopped.
  ~NetDevice() override;

  std::string_view name() const noexcept override { return "virtio-net"; }
  std::uint32_t type() const noexcept override { return 1; }
  std::uint64_t features() const noexcept override { return features_; }
  std::span<const std::uint16_t> queue_sizes() const noexcept override;
  std::span<const std::byte> config() const noexcept override { return config_; }
  std::uint32_t config_generation() const noexcept override { return generation_; }
  void activate(std::span<Queue> queues, std::uint64_t features, Activation activation) override;
  void notify() override { work(); }
  void drain() override;
  void resume() override;
  void reset() noexcept override;
  void save(base::ByteWriter& state) const override;
  void restore(base::ByteReader& state) override;

  // May be called from any thread.
  NetworkStats stats() const noexcept;

 private:
  struct Counters {
    std::atomic<std::uint64_t> packets{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> dropped{0};
  };

  void work();
  void answer_commands(const TimeSlice& slice);
  // Each moves packets in one direction and returns true if it stopped with more to do.
  bool send_packets(const TimeSlice& slice);
  bool receive_packets(const TimeSlice& slice);
  NetBackend::Transfer send_packet();
  // True if a packet has to wait for the rate; work goes on then.
  bool must_wait(DeviceRate& rate, Nanoseconds now);
  void watch();
  void close_link() noexcept;
  void set_status(std::uint16_t bits) noexcept;
  std::uint16_t status() const noexcept;
  void change_config() noexcept;

  base::EventLoop& loop_;
  DeviceLimits& limits_;
  std::unique_ptr<NetBackend> backend_;
  LogSink log_;
  const NetIdentity identity_;
  std::uint64_t features_ = 0;
  std::array<std::byte, 12> config_{};
  std::uint32_t generation_ = 0;

  std::span<Queue> queues_;
  bool drained_ = false;
  bool restored_ = false;         // true until the driver has been told of the restore
  bool guest_has_room_ = true;    // false while packets for the guest wait for its buffers
  bool backend_has_room_ = true;  // false while packets of the guest wait for the backend
  std::uint32_t watched_ = 0;     // the EPOLL* bits that the loop watches for
  base::Timer again_;             // started if work is left
  Nanoseconds next_work_ = kForever;

  DeviceRate to_guest_rate_;
  DeviceRate from_guest_rate_;
  Counters to_guest_;
  Counters from_guest_;
  std::atomic<bool> link_up_;

  // Reused for each packet.
  ReceiveBuffers buffers_;
  DescriptorChain from_guest_chain_;
};

}  // namespace faasnap::virtio
