#pragma once

#include <faasnap/log.h>

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/event_loop.h"
#include "base/fd.h"
#include "virtio/device.h"

namespace faasnap::virtio {

// A socket device (virtio 1.2, section 5.10): byte streams between the guest's vsock ports and
// stream sockets of the host. Every host end is a descriptor: one half of a socket pair for the
// in-process interface, an accepted or connected Unix socket for the hybrid form (docs/vsock.md).
//
// Everything is for the thread of `loop`, the constructor excepted. A snapshot holds no connection:
// the VM that was saved goes on with its own, and a restored one tells the guest that they are gone
// (VIRTIO_VSOCK_EVENT_TRANSPORT_RESET) before it lets new ones through.
class VsockDevice final : public Device {
 public:
  using Connected = std::function<void(bool accepted)>;
  using Accept = std::function<void(base::UniqueFd stream)>;

  // Connections at one time, those still closing included.
  static constexpr std::size_t kMaximumConnections = 1024;

  // `guest_cid`: 3 or more. `loop` must outlive the device.
  VsockDevice(base::EventLoop& loop, std::uint32_t guest_cid, LogSink log);
  // On the loop's thread, or after it has stopped. Pending Connected functions are not called.
  ~VsockDevice() override;

  // Connects `stream` (connected, of any host application) with the guest's port. `done` tells
  // once whether the guest accepted; if not, `stream` is closed. Closing the other end of `stream`
  // gives the attempt up. Without a driver in the guest the answer is no.
  void connect(std::uint32_t guest_port, base::UniqueFd stream, Connected done);
  // Takes the guest's connections to `host_port`: `accept` gets the other end of each, and must not
  // block. Replaces an earlier listener of that port; an empty function removes it.
  void listen(std::uint32_t host_port, Accept accept);
  // Opens the Unix socket of the hybrid form; once. `path` must not exist
  // (ErrorKind::already_exists), and is removed with the device.
  void open_socket(const std::filesystem::path& path);

  std::size_t connections() const noexcept { return connections_.size() + orphans_.size(); }

  std::string_view name() const noexcept override { return "virtio-vsock"; }
  std::uint32_t type() const noexcept override { return 19; }
  std::uint64_t features() const noexcept override;
  std::span<const std::uint16_t> queue_sizes() const noexcept override;
  std::span<const std::byte> config() const noexcept override { return config_; }
  void activate(std::span<Queue> queues, std::uint64_t features) override;
  void notify(std::size_t index) override;
  void drain() override;
  void resume() override;
  void reset() noexcept override;
  void save(base::ByteWriter& state) const override;
  void restore(base::ByteReader& state) override;

 private:
  base::EventLoop& loop_;
  LogSink log_;
  std::array<std::byte, 8> config_{};
  std::map<int, int> connections_, orphans_;
};

}  // namespace faasnap::virtio
