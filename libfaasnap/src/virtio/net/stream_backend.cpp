// SPDX-License-Identifier: Apache-2.0

#include "virtio/net/stream_backend.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "virtio/descriptor_chain.h"

namespace faasnap::virtio {
namespace {

constexpr const char* kAttachStream = "attach network stream";
constexpr std::size_t kLengthSize = sizeof(std::uint32_t);
constexpr std::size_t kMaximumFrame = kMaximumPacket - kNetHeaderSize;
// The largest frame, and room behind it for what comes with it.
constexpr std::size_t kInputSize = 2 * (kLengthSize + kMaximumFrame);

}  // namespace

StreamBackend::StreamBackend(base::UniqueFd socket)
    : socket_(std::move(socket)), input_(kInputSize) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    base::fail(ErrorKind::invalid_argument, kAttachStream, {},
               "the descriptor is not a stream socket");
  }
  base::set_non_blocking(socket_);
}

NetBackend::Transfer StreamBackend::write(std::span<const iovec> buffers,
                                          std::size_t& written) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(buffers.data());
  message.msg_iovlen = buffers.size();
  const ssize_t sent = base::retry_eintr(
      [&] { return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
  if (sent >= 0) {
    written = static_cast<std::size_t>(sent);
    return Transfer::done;
  }
  if (errno == EAGAIN) {
    return Transfer::blocked;
  }
  open_ = errno != EPIPE && errno != ECONNRESET && errno != ENOTCONN;
  return Transfer::dropped;
}

NetBackend::Transfer StreamBackend::send(std::span<const iovec> packet) noexcept {
  if (!flush()) {
    return Transfer::blocked;
  }
  const std::size_t length = total_size(packet) - kNetHeaderSize;
  if (length > kMaximumFrame) {
    return Transfer::dropped;
  }
  std::uint32_t prefix = htonl(static_cast<std::uint32_t>(length));
  slice(packet, kNetHeaderSize, length, frame_);
  frame_.insert(frame_.begin(), {&prefix, kLengthSize});
  std::size_t written = 0;
  const Transfer transfer = write(frame_, written);
  if (transfer != Transfer::done || written == kLengthSize + length) {
    return transfer;
  }
  output_.resize(kLengthSize + length - written);
  copy_from(frame_, written, output_);
  return Transfer::done;
}

bool StreamBackend::flush() noexcept {
  while (!output_.empty() && open_) {
    const iovec rest{output_.data(), output_.size()};
    std::size_t written = 0;
    if (write({&rest, 1}, written) != Transfer::done) {
      return false;
    }
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(written));
  }
  return true;
}

std::span<const std::byte> StreamBackend::unread() const noexcept {
  return std::span(input_).subspan(first_, end_ - first_);
}

std::size_t StreamBackend::frame_length() noexcept {
  if (unread().size() < kLengthSize) {
    return 0;
  }
  std::uint32_t prefix = 0;
  std::memcpy(&prefix, unread().data(), kLengthSize);
  const std::size_t length = ntohl(prefix);
  if (length < kEthernetHeaderSize || length > kMaximumFrame) {
    open_ = false;  // where the next frame begins is not known
    return 0;
  }
  return length;
}

bool StreamBackend::read_more() noexcept {
  std::copy(unread().begin(), unread().end(), input_.begin());
  end_ -= std::exchange(first_, 0);
  const ssize_t got = base::retry_eintr([&] {
    return ::recv(socket_.get(), input_.data() + end_, input_.size() - end_, MSG_DONTWAIT);
  });
  if (got > 0) {
    end_ += static_cast<std::size_t>(got);
    return true;
  }
  open_ = got < 0 && errno == EAGAIN;
  return false;
}

std::size_t StreamBackend::next_size() noexcept {
  while (open_) {
    const std::size_t length = frame_length();
    if (length != 0 && unread().size() >= kLengthSize + length) {
      return kNetHeaderSize + length;
    }
    if (open_ && !read_more()) {
      break;
    }
  }
  return 0;
}

NetBackend::Transfer StreamBackend::receive(std::span<const iovec> buffers,
                                            std::size_t& size) noexcept {
  const std::span<const std::byte> frame = unread().subspan(kLengthSize, frame_length());
  size = kNetHeaderSize + frame.size();
  first_ += kLengthSize + frame.size();
  const bool fits = copy_to(buffers, 0, std::array<std::byte, kNetHeaderSize>{}) &&
                    copy_to(buffers, kNetHeaderSize, frame);
  return fits ? Transfer::done : Transfer::dropped;
}

}  // namespace faasnap::virtio
