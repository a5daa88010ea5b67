// SPDX-License-Identifier: Apache-2.0

// The queues of the socket device: packets in, packets out, and the one event.
#include <faasnap/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/exception.h"
#include "virtio/vsock/vsock_device.h"

namespace faasnap::virtio {
namespace {

// Maximum number of bytes of data in one packet to the guest: as many as Linux puts into one.
constexpr std::size_t kMaximumData = 64 << 10;

// Maximum number of resets that wait for buffers from the guest. Beyond it no packets are taken
// from the guest, since each might cause another reset.
constexpr std::size_t kMaximumResets = 256;

// VIRTIO_VSOCK_EVENT_TRANSPORT_RESET, a struct virtio_vsock_event.
constexpr std::array<std::byte, 4> kTransportReset{};

}  // namespace

void VsockDevice::work() {
  if (queues_.empty() || drained_ || working_) {
    return;
  }
  struct Guard {
    bool& flag;
    ~Guard() { flag = false; }
  } guard{working_};
  working_ = true;
  tell_of_reset();
  if (reset_event_ == ResetEvent::none) {
    TimeSlice slice(limits_);
    receive_packets(slice);
    const bool stalled = resets_.size() >= kMaximumResets;
    send_packets(slice);
    if (slice.used_up() || (stalled && resets_.size() < kMaximumResets)) {
      again_.start(Nanoseconds(0));
    }
  }
  for (Queue& queue : queues_) {
    queue.signal_used();
  }
}

// No packets move before the guest's driver has handled the event: Linux handles the event
// independently of packets, and would drop a connection that arrived before it.
void VsockDevice::tell_of_reset() {
  Queue& queue = queues_[kEventQueue];
  if (reset_event_ == ResetEvent::due) {
    while (!queue.pop(to_guest_)) {
      if (!queue.enable_notifications()) {
        return;
      }
    }
    if (!queue.admit(to_guest_.writable, 0, kTransportReset.size())) {
      return;
    }
    copy_to(to_guest_.writable, 0, kTransportReset);
    queue.push_used(to_guest_.head, kTransportReset.size());
    event_buffers_left_ = queue.available();
    reset_event_ = ResetEvent::sent;
  }
  // The driver returns the buffer when it has handled the event.
  if (reset_event_ == ResetEvent::sent && queue.enable_notifications(event_buffers_left_)) {
    reset_event_ = ResetEvent::none;
  }
}

void VsockDevice::receive_packets(const TimeSlice& slice) {
  Queue& queue = queues_[kFromGuestQueue];
  const auto may_take = [&] { return !slice.over() && resets_.size() < kMaximumResets; };
  do {
    while (may_take() && queue.pop(from_guest_)) {
      on_chain(queue);
      queue.push_used(from_guest_.head, 0);
    }
  } while (may_take() && queue.enable_notifications());
}

void VsockDevice::on_chain(Queue& queue) {
  const std::size_t size = total_size(from_guest_.readable);
  PacketHeaderBytes raw;
  if (size < raw.size()) {
    queue.fault(fmt::format("packet of {} bytes, expected at least {}", size, raw.size()));
    return;
  }
  if (!queue.admit(from_guest_.readable, 0, raw.size())) {
    return;
  }
  copy_from(from_guest_.readable, 0, raw);
  const PacketHeader packet = parse_packet_header(raw);
  if (packet.source_cid != guest_cid()) {
    return;  // the sender is unknown
  }
  if (packet.destination_cid != kHostCid || packet.type != kStreamType) {
    answer_reset(packet);
    return;
  }
  const PortPair ports{.host = packet.destination_port, .guest = packet.source_port};
  // No packet may have more data than its receiver has promised to buffer.
  if (packet.length > std::min<std::size_t>(size - kPacketHeaderSize, Connection::kReceiveBuffer)) {
    answer_reset(packet);
    if (const auto entry = connections_.find(ports); entry != connections_.end()) {
      forget(entry);
    }
    return;
  }
  if (!queue.admit(from_guest_.readable, kPacketHeaderSize, packet.length)) {
    return;
  }
  slice(from_guest_.readable, kPacketHeaderSize, packet.length, data_);
  on_packet(packet, data_);
}

void VsockDevice::on_packet(const PacketHeader& packet, std::span<const iovec> data) {
  const auto entry =
      connections_.find({.host = packet.destination_port, .guest = packet.source_port});
  if (entry == connections_.end()) {
    const auto asked = asked_.find({.host = packet.destination_port, .guest = packet.source_port});
    if (asked != asked_.end()) {
      asked->second.reset();  // whatever it is, the guest no longer waits for the answer
      if (packet.operation != PacketOperation::reset) {
        answer_reset(packet);
      }
    } else if (packet.operation == PacketOperation::request) {
      accept(packet);
    } else if (packet.operation == PacketOperation::reset) {
      drop_orphans_of({.host = packet.destination_port, .guest = packet.source_port});
    } else {
      answer_reset(packet);
    }
    return;
  }
  Connection& connection = entry->second.connection;
  switch (connection.on_packet(packet, data)) {
    case Connection::Verdict::keep:
      settle(entry->second);
      if (connection.state() == Connection::State::established && entry->second.done) {
        Connected done = std::move(entry->second.done);
        answer(done, true);
      }
      return;
    case Connection::Verdict::reset:
      answer_reset(packet);
      end(entry, false);
      return;
    case Connection::Verdict::close:
      answer_reset(packet);
      end(entry, true);
      return;
    case Connection::Verdict::end:
      end(entry, false);
      return;
  }
}

// Handles the guest's request for a connection to a listener in this process or to one outside.
void VsockDevice::accept(const PacketHeader& request) {
  if (closed_) {
    answer_reset(request);
    return;
  }
  if (!make_room()) {
    log("vsock: refused a connection: " + too_many());
    answer_reset(request);
    return;
  }
  const auto listener = listeners_.find(request.destination_port);
  base::UniqueFd theirs;
  try {
    if (listener == listeners_.end()) {
      ask_outside(request);
      return;
    }
    auto [ours, other] = base::make_stream_pair();
    theirs = std::move(other);
    base::set_non_blocking(ours);
    add(Connection::incoming(request, std::move(ours)), {});
  } catch (const Error& error) {
    refuse(request, error);
    return;
  }
  const Accept accepted = listener->second;  // the listener may replace itself
  try {
    accepted(std::move(theirs));
  } catch (...) {
    log(fmt::format("vsock: the listener of port {} failed: {}", request.destination_port,
                    base::describe(std::current_exception())));
  }
}

void VsockDevice::refuse(const PacketHeader& request, const Error& error) {
  log(fmt::format("vsock: refused a connection: {}", error.what()));
  answer_reset(request);
}

void VsockDevice::ask_outside(const PacketHeader& request) {
  if (!connect_outside_) {
    answer_reset(request);
    return;
  }
  const PortPair ports{.host = request.destination_port, .guest = request.source_port};
  asked_.emplace(ports, request);
  try {
    connect_outside_(
        ports.host, [this, ports](base::UniqueFd stream) { on_outside(ports, std::move(stream)); });
  } catch (...) {
    asked_.erase(ports);
    throw;
  }
}

void VsockDevice::on_outside(PortPair ports, base::UniqueFd stream) {
  const auto asked = asked_.extract(ports);
  const auto& request = asked.mapped();
  if (!request) {
    return;
  }
  try {
    stream ? add(Connection::incoming(*request, std::move(stream)), {}) : answer_reset(*request);
  } catch (const Error& error) {
    refuse(*request, error);
  }
  work();
}

void VsockDevice::send_packets(const TimeSlice& time) {
  Queue& queue = queues_[kToGuestQueue];
  while (!time.over() && (!resets_.empty() || !ready_.empty())) {
    if (!queue.pop(to_guest_)) {
      if (queue.enable_notifications()) {
        continue;
      }
      return;
    }
    const std::size_t room = total_size(to_guest_.writable);
    if (room <= kPacketHeaderSize) {
      queue.fault(fmt::format("buffer of {} bytes for packets, expected more than {}", room,
                              kPacketHeaderSize));
      return;
    }
    const std::size_t used = std::min(room, kPacketHeaderSize + kMaximumData);
    if (!queue.admit(to_guest_.writable, 0, used)) {
      return;
    }
    slice(to_guest_.writable, 0, used, data_);
    const std::size_t written = write_packet(data_);
    if (written == 0) {
      queue.undo_pop();
    } else {
      queue.push_used(to_guest_.head, static_cast<std::uint32_t>(written));
    }
  }
}

// Writes the packet that is due: resets first, then the connections in turn. Returns 0 if the
// connection whose turn it is has none.
std::size_t VsockDevice::write_packet(std::span<const iovec> buffers) {
  if (!resets_.empty()) {
    copy_to(buffers, 0, encode(resets_.front()));
    resets_.pop_front();
    return kPacketHeaderSize;
  }
  const PortPair ports = ready_.front();
  ready_.pop_front();
  const auto found = connections_.find(ports);
  if (found == connections_.end()) {
    return 0;
  }
  Entry& entry = found->second;
  entry.queued = false;
  const std::size_t written = entry.connection.next_packet(guest_cid(), buffers);
  settle(entry);
  return written;
}

void VsockDevice::queue_reset(PortPair ports) {
  PacketHeader packet;
  packet.source_cid = kHostCid;
  packet.destination_cid = guest_cid();
  packet.source_port = ports.host;
  packet.destination_port = ports.guest;
  resets_.push_back(packet);
}

void VsockDevice::answer_reset(const PacketHeader& packet) {
  if (packet.operation != PacketOperation::reset) {
    resets_.push_back(reset_for(packet));
  }
}

}  // namespace faasnap::virtio
