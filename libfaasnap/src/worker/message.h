// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/files/fd.h"

namespace faasnap::worker {

// One message between a process and its worker (docs/reference/worker.md).
struct Message {
  // A worker::Kind. Not checked here.
  std::uint32_t kind = 0;
  // The number of the call that this asks for, or answers; 0 for an event.
  std::uint64_t call = 0;
  std::vector<std::byte> body{};
  std::vector<base::UniqueFd> files{};
};

// A message travels in packets, each with a header. Its descriptors come with the first one.
inline constexpr std::size_t kPacketHeader = 16;
inline constexpr std::size_t kPacketBody = 64 << 10;
inline constexpr std::size_t kMaximumBody = 64 << 20;
inline constexpr std::size_t kMaximumFiles = 160;

using PacketHeader = std::array<std::byte, kPacketHeader>;

// `more` says that another packet of the same message follows.
PacketHeader encode_header(const Message& message, bool more);

// Makes messages of packets. Trusts nothing that is in them.
class PacketReader {
 public:
  // Takes the next packet. Returns the message that it completes, if it does. Throws
  // ErrorKind::corrupt for a packet that violates the format; the reader is of no use afterwards.
  std::optional<Message> add(std::span<const std::byte> packet, std::vector<base::UniqueFd> files);

 private:
  std::optional<Message> pending_;
};

}  // namespace faasnap::worker
