// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <vector>

#include "base/files/fd.h"
#include "virtio/net/net_backend.h"

namespace faasnap::virtio {

// A Unix stream socket to a network in user space, such as passt: each frame comes behind its
// length, 32 bits big-endian, without a packet's header (QEMU's "-netdev stream"). Frames that the
// guest has no buffers for wait in the socket.
class StreamBackend final : public NetBackend {
 public:
  // `socket` is connected, and is made non-blocking. Throws ErrorKind::invalid_argument if it is
  // not a stream socket.
  explicit StreamBackend(base::UniqueFd socket);

  int descriptor() const noexcept override { return socket_.get(); }
  bool open() const noexcept override { return open_; }
  std::uint64_t offloads() const noexcept override { return 0; }
  void use(std::uint64_t, std::size_t) override {}
  Transfer send(std::span<const iovec> packet) noexcept override;
  bool flush() noexcept override;
  std::size_t next_size() noexcept override;
  Transfer receive(std::span<const iovec> buffers, std::size_t& size) noexcept override;

 private:
  std::span<const std::byte> unread() const noexcept;
  // Returns the length of the frame that is next, 0 if it is not known yet.
  std::size_t frame_length() noexcept;
  // Reads once. Returns false if nothing came.
  bool read_more() noexcept;
  // Writes what the socket takes, and sets `written` to the number of bytes.
  Transfer write(std::span<const iovec> buffers, std::size_t& written) noexcept;

  base::UniqueFd socket_;
  bool open_ = true;
  // Where a frame ends is known only once it has been read, so frames are read into a buffer of the
  // host first, many at a time. The unread ones lie from first_ to end_.
  std::vector<std::byte> input_;
  std::size_t first_ = 0;
  std::size_t end_ = 0;
  // The end of a frame of which the socket has taken the beginning.
  std::vector<std::byte> output_;
  std::vector<iovec> frame_;
};

}  // namespace faasnap::virtio
