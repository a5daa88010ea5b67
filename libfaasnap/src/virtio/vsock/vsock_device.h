// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/error.h>
#include <faasnap/log.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <faasnap/units.h>

#include "base/files/fd.h"
#include "base/threads/event_loop.h"
#include "virtio/device.h"
#include "virtio/device_limits.h"
#include "virtio/time_slice.h"
#include "virtio/vsock/connection.h"
#include "virtio/vsock/hybrid_socket.h"
#include "virtio/vsock/packet.h"

namespace faasnap::virtio {

// A socket device (virtio 1.2, section 5.10): byte streams between the guest's vsock ports and
// stream sockets of the host. Every host end is a descriptor: one half of a socket pair for the
// in-process interface, an accepted or connected Unix socket for the hybrid form
// (docs/reference/vsock.md).
//
// Everything is for the thread of `loop`, except the constructor. A snapshot holds no connections:
// the VM that was saved keeps its own, and a restored one tells the guest that they are gone
// (VIRTIO_VSOCK_EVENT_TRANSPORT_RESET) before it allows new ones.
class VsockDevice final : public Device {
 public:
  using Connected = std::function<void(bool accepted)>;
  using Accept = std::function<void(base::UniqueFd stream)>;
  // Connects to what listens outside this process for `host_port`. Calls `answer` once, now or
  // later, with the connected, non-blocking socket, or with an empty descriptor if nothing listens
  // there.
  using ConnectOutside = std::function<void(std::uint32_t host_port, Accept answer)>;

  // `guest_cid` is 3 or more. `loop` and `limits` must outlive the device.
  VsockDevice(base::EventLoop& loop, std::uint32_t guest_cid, DeviceLimits& limits, LogSink log);
  // Must be called on the loop's thread, or after the loop has stopped. Pending Connected functions
  // are not called.
  ~VsockDevice() override;

  // Connects `stream`, a connected socket, with the guest's port. Calls `done` once with whether
  // the guest accepted; if not, `stream` is closed. Closing the other end of `stream` cancels the
  // attempt. If the guest has no driver, the attempt fails. Throws ErrorKind::limit if there are as
  // many connections as are allowed.
  void connect(std::uint32_t guest_port, base::UniqueFd stream, Connected done);
  // Accepts the guest's connections to `host_port`: calls `accept`, which must not block, with the
  // other end of each. Replaces an earlier listener of that port; an empty function removes it.
  void listen(std::uint32_t host_port, Accept accept);
  // Closes every connection and refuses new ones from now on, whatever a driver does: the guest has
  // ended. Attempts that wait for the guest's answer fail.
  void close() noexcept;
  // Takes part in the hybrid form: `listener` is the socket that other processes connect to, and
  // `connect` is asked for the guest's connections to ports without a listener. May be called once.
  void serve(base::UniqueFd listener, ConnectOutside connect);

  std::size_t connections() const noexcept {
    return connections_.size() + orphans_.size() + asked_.size();
  }

  std::string_view name() const noexcept override { return "virtio-vsock"; }
  std::uint32_t type() const noexcept override { return 19; }
  std::uint64_t features() const noexcept override;
  std::span<const std::uint16_t> queue_sizes() const noexcept override;
  std::span<const std::byte> config() const noexcept override { return config_; }
  void activate(std::span<Queue> queues, std::uint64_t features, Activation activation) override;
  void notify() override;
  void drain() override;
  void resume() override;
  void reset() noexcept override;
  void save(base::ByteWriter& state) const override;
  void restore(base::ByteReader& state) override;

 private:
  // Indices of the queues.
  static constexpr std::size_t kToGuestQueue = 0;
  static constexpr std::size_t kFromGuestQueue = 1;
  static constexpr std::size_t kEventQueue = 2;

  struct Entry {
    Connection connection;
    Connected done;             // until the guest has answered
    std::uint32_t watched = 0;  // the EPOLL* bits that the loop watches for
    bool queued = false;        // true if in ready_
  };
  using Entries = std::map<PortPair, Entry>;

  // A connection that the guest has ended while the host's socket has not taken all of its data.
  struct Orphan {
    Connection connection;
    Nanoseconds deadline;  // monotonic; moves on whenever the socket takes some
  };

  // Progress of telling the guest of a restored VM that its connections are gone.
  enum class ResetEvent {
    none,
    due,   // waits for a buffer of the event queue
    sent,  // the guest's driver has not returned the buffer yet
  };

  std::uint64_t guest_cid() const noexcept;

  // Connections (vsock_device.cpp).
  void start_connect(std::uint32_t guest_port, base::UniqueFd stream, Connected done, bool greet);
  std::uint32_t allocate_host_port();
  bool make_room();
  std::string too_many() const;
  void add(Connection connection, Connected done);
  void settle(Entry& entry);
  void forget(Entries::iterator entry);
  void forget_all() noexcept;
  void end(Entries::iterator entry, bool flush_rest);
  void adopt_orphan(Connection connection);
  using Orphans = std::map<std::uint64_t, Orphan>;
  Orphans::iterator drop_orphan(Orphans::iterator orphan) noexcept;
  void drop_orphans_of(PortPair ports) noexcept;
  void drop_old_orphans();
  void on_stream(PortPair ports, std::uint32_t events);
  void on_orphan(std::uint64_t id, std::uint32_t events);
  void answer(Connected& done, bool accepted) noexcept;
  void log(const std::string& text) noexcept;

  // Packets (vsock_packets.cpp).
  void work();
  void tell_of_reset();
  void receive_packets(const TimeSlice& slice);
  void on_chain(Queue& queue);
  void on_packet(const PacketHeader& packet, std::span<const iovec> data);
  void accept(const PacketHeader& request);
  void ask_outside(const PacketHeader& request);
  void on_outside(PortPair ports, base::UniqueFd stream);
  void refuse(const PacketHeader& request, const Error& error);
  void send_packets(const TimeSlice& time);
  std::size_t write_packet(std::span<const iovec> buffers);
  void queue_reset(PortPair ports);
  void answer_reset(const PacketHeader& packet);

  base::EventLoop& loop_;
  DeviceLimits& limits_;
  LogSink log_;
  unsigned logged_ = 0;
  std::array<std::byte, 8> config_{};
  std::uint32_t last_host_port_;
  std::map<std::uint32_t, Accept> listeners_;
  std::unique_ptr<HybridSocket> socket_;
  ConnectOutside connect_outside_;
  // The guest's requests that wait for an answer of connect_outside_; empty if the guest has given
  // up meanwhile.
  std::map<PortPair, std::optional<PacketHeader>> asked_;

  std::span<Queue> queues_;
  bool drained_ = false;
  bool working_ = false;
  bool closed_ = false;
  ResetEvent reset_event_ = ResetEvent::none;
  std::uint16_t event_buffers_left_ = 0;  // when the reset event was sent
  base::Timer again_;                     // started if a slice of time ended with work left

  Entries connections_;
  Orphans orphans_;  // by age
  std::uint64_t next_orphan_ = 0;
  base::Timer orphan_timer_;
  std::deque<PortPair> ready_;       // connections that may have packets for the guest
  std::deque<PacketHeader> resets_;  // for the guest, for connections that do not exist

  // Reused for each packet.
  DescriptorChain from_guest_;
  DescriptorChain to_guest_;
  std::vector<iovec> data_;
};

}  // namespace faasnap::virtio
