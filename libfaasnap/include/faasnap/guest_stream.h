#pragma once

#include <cstddef>
#include <span>

#include <faasnap/export.h>
#include <faasnap/units.h>

namespace faasnap {

// One byte stream between the host and a vsock port of a guest. Owns its descriptor; movable; for
// one thread at a time. It may outlive its VM: reads then end, writes fail with ErrorKind::guest.
class FAASNAP_EXPORT GuestStream {
 public:
  // Takes over a connected stream socket.
  explicit GuestStream(int socket) noexcept;
  GuestStream(GuestStream&& other) noexcept;
  GuestStream& operator=(GuestStream&& other) noexcept;
  ~GuestStream();

  // Reads at least one byte, waiting for it if need be, and returns how many; 0 at the end of the
  // stream.
  std::size_t read(std::span<std::byte> out, Nanoseconds timeout = kForever);
  // Writes all of `data`.
  void write(std::span<const std::byte> data, Nanoseconds timeout = kForever);
  // Tells the guest that no more will be written.
  void shutdown_write();
  // The descriptor, for poll and the like; stays owned by the stream.
  int descriptor() const noexcept { return socket_; }
  // Gives the descriptor up: the caller closes it.
  int release() noexcept;

 private:
  int socket_;
};

}  // namespace faasnap
