// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/files/fd.h"
#include "virtio/descriptor_chain.h"
#include "virtio/vsock/packet.h"

namespace faasnap::virtio {

// The two ports that identify a connection. There is one CID on each side, so the ports suffice.
struct PortPair {
  std::uint32_t host = 0;
  std::uint32_t guest = 0;
  auto operator<=>(const PortPair&) const = default;
};

// One byte stream between a guest's port and a socket of the host, with the credit-based flow
// control of virtio 1.2, section 5.10.6.3. At most kReceiveBuffer bytes from the guest wait here
// until the host's socket takes them. Data from the host's socket are read only when the guest has
// room for them and has provided a buffer.
//
// The device watches the socket (edge-triggered) and moves the packets; this class decides what
// they mean. For the device's thread only.
class Connection {
 public:
  // The buffer size that is announced to the guest.
  static constexpr std::uint32_t kReceiveBuffer = 128 << 10;

  enum class State {
    connecting,   // the host asked; the guest has not answered
    established,  // data flows
  };

  // What happens to the connection after a packet.
  enum class Verdict {
    keep,
    reset,  // the packet is invalid: answer with a reset, forget the connection
    end,    // the guest has ended the connection and expects no answer
    close,  // the guest has ended the connection and expects a reset as the answer
  };

  // Makes a connection that the host asks for. `greeting` goes to `stream` before the guest's data.
  static Connection outgoing(PortPair ports, base::UniqueFd stream, std::string_view greeting);
  // Makes a connection that the guest asked for with `request` and that the host accepts.
  static Connection incoming(const PacketHeader& request, base::UniqueFd stream);

  PortPair ports() const noexcept { return ports_; }
  State state() const noexcept { return state_; }
  const base::UniqueFd& stream() const noexcept { return stream_; }
  // True once the guest has been asked, so that it must be told if the host gives up.
  bool known_to_guest() const noexcept { return known_to_guest_; }

  // Returns the EPOLL* bits to watch the stream for.
  std::uint32_t wanted_events() const noexcept;
  // Handles an edge of the stream. Returns false if the host has given up connecting.
  bool on_stream_events(std::uint32_t events);

  Verdict on_packet(const PacketHeader& header, std::span<const iovec> data);

  // True if next_packet may have a packet.
  bool has_packet() const noexcept;
  // Writes the next packet for the guest into `buffers`, which must have room for more than a
  // header. Returns its size, or 0 if there is none.
  std::size_t next_packet(std::uint64_t guest_cid, std::span<const iovec> buffers);

  // True when the host uses the stream no longer: it is closed, and all that came from it has been
  // read. The guest may not have been told yet.
  bool stream_done() const noexcept { return host_shutdown_ == kShutdownBoth; }
  void close_stream() noexcept { stream_.reset(); }
  // Returns the number of bytes from the guest that the host's socket has not taken.
  std::size_t buffered() const noexcept { return buffer_.size() - buffer_start_; }
  // Writes as many of these bytes as the socket takes.
  void flush();

 private:
  Connection(PortPair ports, base::UniqueFd stream, State state);

  Verdict on_data(std::uint32_t length, std::span<const iovec> data);
  Verdict on_shutdown(std::uint32_t flags);
  std::size_t send_directly(std::span<const iovec> data);
  void count_forwarded(std::size_t bytes) noexcept;
  void on_write_failed(int error_number);
  void discard_buffer() noexcept;
  std::uint32_t peer_credit() const noexcept;
  bool data_due() const noexcept;
  bool credit_update_due() const noexcept;
  std::size_t read_stream(std::span<const iovec> buffers);
  PacketHeader header(std::uint64_t guest_cid, PacketOperation operation) const noexcept;

  PortPair ports_;
  State state_;
  base::UniqueFd stream_;
  bool known_to_guest_ = false;
  bool handshake_due_ = true;  // REQUEST or RESPONSE, depending on which side began

  // The result of the stream's last edges; cleared when a call would block.
  bool readable_ = false;
  bool writable_ = true;

  // From guest to host.
  std::vector<std::byte> buffer_;
  std::size_t buffer_start_ = 0;
  std::size_t greeting_left_ = 0;          // bytes at the front that belong to the greeting
  std::uint32_t forwarded_ = 0;            // modulo 2^32, as in the packets
  std::uint32_t announced_forwarded_ = 0;  // as in the last packet sent
  bool credit_update_asked_ = false;
  std::uint32_t guest_shutdown_ = 0;
  bool write_side_shut_ = false;

  // From host to guest.
  std::uint32_t sent_ = 0;
  std::uint32_t peer_buffer_size_ = 0;
  std::uint32_t peer_forwarded_ = 0;
  bool credit_asked_ = false;
  std::uint32_t host_shutdown_ = 0;  // directions that the host has shut down,
  std::uint32_t told_shutdown_ = 0;  // and those that the guest has been told of

  std::vector<iovec> pieces_;  // reused by send and receive
};

}  // namespace faasnap::virtio
