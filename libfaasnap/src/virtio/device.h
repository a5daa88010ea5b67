// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "virtio/queue.h"

namespace faasnap::virtio {

// Says whether a driver has just set the device up, or a device from a snapshot continues.
enum class Activation { fresh, restored };

// Callbacks of a device, to its transport.
class DeviceOwner {
 public:
  virtual ~DeviceOwner() = default;
  // Called when the configuration space has changed. Tells the driver, if one runs the device.
  virtual void on_config_change() noexcept = 0;
};

// One virtio device. Its transport handles everything between it and the driver except requests.
//
// Every function is called on the thread of the VM's event loop. The life of a device: activate
// when the driver is ready, then notify; drain and resume in pairs; reset returns to the beginning.
// save is called while drained, restore before the first activate.
class Device {
 public:
  virtual ~Device() = default;

  // Called once, by the transport that the device is for and that outlives its use.
  void belong_to(DeviceOwner& owner) noexcept { owner_ = &owner; }

  // Returns the name for messages, for example "virtio-blk".
  virtual std::string_view name() const noexcept = 0;
  // Returns the device ID (virtio 1.2, section 5).
  virtual std::uint32_t type() const noexcept = 0;
  // Returns the feature bits of the device type; the transport adds those of rings and of the
  // transport.
  virtual std::uint64_t features() const noexcept = 0;
  // Returns the maximum number of entries of each queue, each a power of two.
  virtual std::span<const std::uint16_t> queue_sizes() const noexcept = 0;
  // Returns the configuration space, little-endian. The driver only reads it.
  virtual std::span<const std::byte> config() const noexcept = 0;
  // Returns a number that is another one whenever the configuration space has changed, also from
  // before a snapshot.
  virtual std::uint32_t config_generation() const noexcept { return 0; }

  // Starts work with `features`, a subset of those offered. `queues` has one queue for each of
  // queue_sizes(), valid until reset. Takes nothing from them before the first notify.
  virtual void activate(std::span<Queue> queues, std::uint64_t features, Activation activation) = 0;
  // Tells the device that the driver may have made chains available in any of the queues.
  virtual void notify() = 0;
  // Waits until every taken chain has been returned, and takes no more until resume.
  virtual void drain() = 0;
  // Allows work again; the transport then notifies the device.
  virtual void resume() = 0;
  // Forgets the driver. When it returns, the device touches neither guest memory nor the queues.
  virtual void reset() noexcept = 0;

  // Appends the state that a snapshot needs besides the queues.
  virtual void save(base::ByteWriter& state) const = 0;
  // Restores what save() wrote, in a device that was built with its live handles. Throws
  // ErrorKind::corrupt, with nothing changed, if the state does not fit this device.
  virtual void restore(base::ByteReader& state) = 0;

 protected:
  // Must be called when config() has changed.
  void config_changed() noexcept {
    if (owner_ != nullptr) {
      owner_->on_config_change();
    }
  }

 private:
  DeviceOwner* owner_ = nullptr;
};

}  // namespace faasnap::virtio
