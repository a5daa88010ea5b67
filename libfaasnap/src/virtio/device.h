#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "virtio/queue.h"

namespace faasnap::virtio {

// Whether a driver has just set the device up, or goes on with one that a snapshot kept.
enum class Activation { fresh, restored };

// One virtio device, behind a transport that speaks with the driver about everything but requests.
//
// Every function is called on the thread of the VM's event loop. Life: activate once the driver is
// ready, then notify; drain and resume in pairs; reset returns to the beginning. save is called
// while drained; restore before the first activate.
class Device {
 public:
  virtual ~Device() = default;

  // For messages, for example "virtio-blk".
  virtual std::string_view name() const noexcept = 0;
  // The device ID of virtio 1.2, section 5.
  virtual std::uint32_t type() const noexcept = 0;
  // Feature bits of the device type; the transport adds those of rings and of the transport.
  virtual std::uint64_t features() const noexcept = 0;
  // For each queue, the most entries it can have: powers of two.
  virtual std::span<const std::uint16_t> queue_sizes() const noexcept = 0;
  // The configuration space, little-endian; the driver only reads it.
  virtual std::span<const std::byte> config() const noexcept = 0;

  // Starts work with `features`, a subset of those offered. One queue for each of queue_sizes();
  // they live until reset. Nothing is taken from them before the first notify.
  virtual void activate(std::span<Queue> queues, std::uint64_t features, Activation activation) = 0;
  // The driver may have made chains available in queue `index`.
  virtual void notify(std::size_t index) = 0;
  // Waits until every chain taken has been returned, and takes no more until resume.
  virtual void drain() = 0;
  // Allows work again; the transport then notifies every queue.
  virtual void resume() = 0;
  // Forgets the driver. On return, nothing of the device touches guest memory or the queues.
  virtual void reset() noexcept = 0;

  // Appends what a snapshot needs besides the queues.
  virtual void save(base::ByteWriter& state) const = 0;
  // Checks that state and this device, built with its live handles, fit together, and takes it
  // over: ErrorKind::corrupt, with nothing changed, when they do not.
  virtual void restore(base::ByteReader& state) = 0;
};

}  // namespace faasnap::virtio
