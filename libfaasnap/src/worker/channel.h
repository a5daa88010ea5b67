// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <faasnap/units.h>

#include "base/files/fd.h"
#include "worker/message.h"

namespace faasnap::worker {

// One end of the connection between a process and its worker: a socket that keeps packets apart
// (AF_UNIX, SOCK_SEQPACKET). Any thread may send; one thread at a time may receive.
class Channel {
 public:
  // Returns the two ends, close-on-exec.
  static std::pair<base::UniqueFd, base::UniqueFd> make_pair();

  explicit Channel(base::UniqueFd socket) noexcept : socket_(std::move(socket)) {}

  // Sends a message with copies of the descriptors `files`. Waits while the other end does not
  // receive. Throws ErrorKind::guest if the other end is closed.
  void send(std::uint32_t kind, std::uint64_t call, std::span<const std::byte> body,
            std::span<const int> files = {});
  // Waits for the next message. Returns nothing if the other end is closed. Throws
  // ErrorKind::corrupt if what arrives is no message: the channel is of no use afterwards. A
  // message whose descriptors this process has no room for comes without any.
  std::optional<Message> receive();
  // Makes `send` throw if the other end leaves a message unread for so long.
  void limit_sending(Nanoseconds limit);
  const base::UniqueFd& socket() const noexcept { return socket_; }

 private:
  base::UniqueFd socket_;
  std::mutex sending_;  // packets of two messages must not mix
  PacketReader reader_;
  std::vector<std::byte> packet_ = std::vector<std::byte>(kPacketHeader + kPacketBody);
};

}  // namespace faasnap::worker
