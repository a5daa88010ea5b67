// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>

#include <faasnap/export.h>
#include <faasnap/units.h>

namespace faasnap {

// One byte stream between the host and a vsock port of a guest. Owns its descriptor; movable; for
// one thread at a time. It may outlive its VM: then reads return the end of the stream and writes
// throw ErrorKind::guest.
class FAASNAP_EXPORT GuestStream {
 public:
  // Takes ownership of a connected stream socket.
  explicit GuestStream(int socket) noexcept;
  GuestStream(GuestStream&& other) noexcept;
  GuestStream& operator=(GuestStream&& other) noexcept;
  ~GuestStream();

  // Waits for at least one byte, reads what is there and returns its size, or 0 at the end of the
  // stream.
  std::size_t read(std::span<std::byte> out, Nanoseconds timeout = kForever);
  // Writes all of `data`.
  void write(std::span<const std::byte> data, Nanoseconds timeout = kForever);
  // Tells the guest that no more data will come.
  void shutdown_write();
  // Returns the descriptor, for poll and similar calls. The stream keeps ownership.
  int descriptor() const noexcept { return socket_; }
  // Releases the descriptor: the caller must close it.
  int release() noexcept;

 private:
  int socket_;
};

}  // namespace faasnap
