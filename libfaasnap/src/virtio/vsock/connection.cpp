// SPDX-License-Identifier: Apache-2.0

#include "virtio/vsock/connection.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/error.h"

namespace faasnap::virtio {
namespace {

// MSG_NOSIGNAL: a host that has closed its end must not raise SIGPIPE.
ssize_t send_pieces(const base::UniqueFd& stream, std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  return base::retry_eintr(
      [&] { return ::sendmsg(stream.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
}

// True if there is nothing to read from the stream, now or later.
bool at_end(const base::UniqueFd& stream) {
  std::byte next;
  const ssize_t length = base::retry_eintr(
      [&] { return ::recv(stream.get(), &next, sizeof(next), MSG_PEEK | MSG_DONTWAIT); });
  return length == 0 || (length < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

}  // namespace

Connection::Connection(PortPair ports, base::UniqueFd stream, State state)
    : ports_(ports), state_(state), stream_(std::move(stream)) {}

Connection Connection::outgoing(PortPair ports, base::UniqueFd stream, std::string_view greeting) {
  Connection connection(ports, std::move(stream), State::connecting);
  const auto bytes = std::as_bytes(std::span(greeting));
  connection.buffer_.assign(bytes.begin(), bytes.end());
  connection.greeting_left_ = bytes.size();
  return connection;
}

Connection Connection::incoming(const PacketHeader& request, base::UniqueFd stream) {
  Connection connection({.host = request.destination_port, .guest = request.source_port},
                        std::move(stream), State::established);
  connection.known_to_guest_ = true;
  connection.peer_buffer_size_ = request.buffer_size;
  connection.peer_forwarded_ = request.forwarded;
  return connection;
}

std::uint32_t Connection::wanted_events() const noexcept {
  return EPOLLIN | EPOLLET | (writable_ ? 0U : static_cast<std::uint32_t>(EPOLLOUT));
}

bool Connection::on_stream_events(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    readable_ = true;
  }
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    // Polled again, since the events may belong to a descriptor that was closed a moment ago.
    pollfd state{.fd = stream_.get(), .events = 0, .revents = 0};
    if (::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0) {
      if (state_ == State::connecting) {
        return false;
      }
      host_shutdown_ |= at_end(stream_) ? kShutdownBoth : kShutdownReceive;
      discard_buffer();
    }
  }
  if ((events & EPOLLOUT) != 0) {
    writable_ = true;
    flush();
  }
  return true;
}

Connection::Verdict Connection::on_packet(const PacketHeader& packet, std::span<const iovec> data) {
  peer_buffer_size_ = packet.buffer_size;
  peer_forwarded_ = packet.forwarded;
  if (peer_credit() != 0) {
    credit_asked_ = false;
  }
  if (state_ == State::connecting) {
    if (packet.operation != PacketOperation::response) {
      return packet.operation == PacketOperation::reset ? Verdict::end : Verdict::reset;
    }
    state_ = State::established;
    flush();
    return Verdict::keep;
  }
  switch (packet.operation) {
    case PacketOperation::data:
      return on_data(packet.length, data);
    case PacketOperation::shutdown:
      return on_shutdown(packet.flags);
    case PacketOperation::credit_update:
      return Verdict::keep;
    case PacketOperation::credit_request:
      credit_update_asked_ = true;
      return Verdict::keep;
    case PacketOperation::reset:
      return Verdict::end;
    case PacketOperation::request:
    case PacketOperation::response:
      break;
  }
  return Verdict::reset;
}

Connection::Verdict Connection::on_data(std::uint32_t length, std::span<const iovec> data) {
  if ((guest_shutdown_ & kShutdownSend) != 0 ||
      buffered() - greeting_left_ + length > kReceiveBuffer) {
    return Verdict::reset;  // data after its end of data, or beyond its credit
  }
  const std::size_t sent = send_directly(data);
  if ((host_shutdown_ & kShutdownReceive) != 0) {
    count_forwarded(length - sent);  // the reader is gone
    return Verdict::keep;
  }
  if (buffer_start_ >= buffered()) {
    // Removes the bytes that were sent, to make room for new ones.
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(buffer_start_));
    buffer_start_ = 0;
  }
  slice(data, sent, length - sent, pieces_);
  for (const iovec& piece : pieces_) {
    const auto* bytes = static_cast<const std::byte*>(piece.iov_base);
    buffer_.insert(buffer_.end(), bytes, bytes + piece.iov_len);
  }
  flush();  // until the socket refuses; only then does it signal that it takes more
  return Verdict::keep;
}

Connection::Verdict Connection::on_shutdown(std::uint32_t flags) {
  guest_shutdown_ |= flags & kShutdownBoth;
  if (guest_shutdown_ == kShutdownBoth) {
    return Verdict::close;
  }
  if ((guest_shutdown_ & kShutdownReceive) != 0 && stream_) {
    ::shutdown(stream_.get(), SHUT_RD);
  }
  flush();
  return Verdict::keep;
}

// Sends data past the buffer if the buffer is empty. Returns how much the socket took.
std::size_t Connection::send_directly(std::span<const iovec> data) {
  if (buffered() != 0 || !writable_ || data.empty() || (host_shutdown_ & kShutdownReceive) != 0) {
    return 0;
  }
  pieces_.assign(data.begin(), data.end());
  const ssize_t sent = send_pieces(stream_, pieces_);
  if (sent < 0) {
    on_write_failed(errno);
    return 0;
  }
  count_forwarded(static_cast<std::size_t>(sent));
  return static_cast<std::size_t>(sent);
}

void Connection::flush() {
  while (state_ != State::connecting && buffered() != 0 && writable_) {
    iovec piece{buffer_.data() + buffer_start_, buffered()};
    const ssize_t sent = send_pieces(stream_, {&piece, 1});
    if (sent < 0) {
      on_write_failed(errno);
      break;
    }
    buffer_start_ += static_cast<std::size_t>(sent);
    count_forwarded(static_cast<std::size_t>(sent));
  }
  if (buffered() == 0) {
    buffer_.clear();
    buffer_start_ = 0;
    if ((guest_shutdown_ & kShutdownSend) != 0 && stream_ && !write_side_shut_) {
      ::shutdown(stream_.get(), SHUT_WR);
      write_side_shut_ = true;
    }
  }
}

void Connection::on_write_failed(int error_number) {
  if (error_number == EAGAIN || error_number == EWOULDBLOCK) {
    writable_ = false;
    return;
  }
  host_shutdown_ |= kShutdownReceive;
  discard_buffer();
}

void Connection::discard_buffer() noexcept {
  count_forwarded(buffered());
  buffer_.clear();
  buffer_start_ = 0;
}

void Connection::count_forwarded(std::size_t bytes) noexcept {
  const std::size_t greeting = std::min(bytes, greeting_left_);
  greeting_left_ -= greeting;
  forwarded_ += static_cast<std::uint32_t>(bytes - greeting);
}

std::uint32_t Connection::peer_credit() const noexcept {
  // Modulo 2^32. A guest that shrinks its buffer or reports false numbers gets nothing.
  const std::uint32_t in_flight = sent_ - peer_forwarded_;
  return in_flight < peer_buffer_size_ ? peer_buffer_size_ - in_flight : 0;
}

bool Connection::data_due() const noexcept {
  return state_ == State::established && readable_ && stream_ &&
         ((host_shutdown_ & kShutdownSend) == 0) && (guest_shutdown_ & kShutdownReceive) == 0;
}

bool Connection::credit_update_due() const noexcept {
  return credit_update_asked_ || forwarded_ - announced_forwarded_ >= kReceiveBuffer / 2;
}

bool Connection::has_packet() const noexcept {
  if (handshake_due_) {
    return true;
  }
  if (state_ == State::connecting) {
    return false;
  }
  return credit_update_due() || host_shutdown_ != told_shutdown_ ||
         (data_due() && (peer_credit() != 0 || !credit_asked_));
}

PacketHeader Connection::header(std::uint64_t guest_cid, PacketOperation operation) const noexcept {
  PacketHeader packet;
  packet.source_cid = kHostCid;
  packet.destination_cid = guest_cid;
  packet.source_port = ports_.host;
  packet.destination_port = ports_.guest;
  packet.operation = operation;
  packet.buffer_size = kReceiveBuffer;
  packet.forwarded = forwarded_;
  return packet;
}

std::size_t Connection::next_packet(std::uint64_t guest_cid, std::span<const iovec> buffers) {
  PacketHeader packet = header(guest_cid, PacketOperation::credit_update);
  if (handshake_due_) {
    packet.operation =
        state_ == State::connecting ? PacketOperation::request : PacketOperation::response;
    handshake_due_ = false;
    known_to_guest_ = true;
  } else if (packet.length = static_cast<std::uint32_t>(read_stream(buffers)); packet.length != 0) {
    packet.operation = PacketOperation::data;
    sent_ += packet.length;
  } else if (data_due() && peer_credit() == 0 && !credit_asked_) {
    packet.operation = PacketOperation::credit_request;
    credit_asked_ = true;
  } else if (host_shutdown_ != told_shutdown_) {
    packet.operation = PacketOperation::shutdown;
    packet.flags = told_shutdown_ = host_shutdown_;
  } else if (!credit_update_due()) {
    return 0;
  }
  credit_update_asked_ = false;
  announced_forwarded_ = packet.forwarded;
  copy_to(buffers, 0, encode(packet));
  return kPacketHeaderSize + packet.length;
}

// Reads as much as fits after a header in `buffers` and into the guest's credit. Returns 0 if there
// is no room or no data.
std::size_t Connection::read_stream(std::span<const iovec> buffers) {
  if (!data_due() || peer_credit() == 0) {
    return 0;
  }
  slice(buffers, kPacketHeaderSize, peer_credit(), pieces_);
  const ssize_t length = base::retry_eintr(
      [this] { return ::readv(stream_.get(), pieces_.data(), static_cast<int>(pieces_.size())); });
  if (length > 0) {
    return static_cast<std::size_t>(length);
  }
  readable_ = false;
  if (length == 0) {
    host_shutdown_ |= kShutdownSend;
  } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
    host_shutdown_ |= kShutdownBoth;
    discard_buffer();
  }
  return 0;
}

}  // namespace faasnap::virtio
