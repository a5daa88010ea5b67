// SPDX-License-Identifier: Apache-2.0

#include "worker/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"

namespace faasnap::worker {
namespace {

constexpr std::uint32_t kMore = 1;

[[noreturn]] void reject(const std::string& reason) {
  base::fail(ErrorKind::corrupt, "receive from worker", {}, reason);
}

}  // namespace

PacketHeader encode_header(const Message& message, bool more) {
  base::ByteWriter writer;
  writer.put(message.kind);
  writer.put(more ? kMore : 0U);
  writer.put(message.call);
  PacketHeader header{};
  std::ranges::copy(writer.bytes(), header.begin());
  return header;
}

std::optional<Message> PacketReader::add(std::span<const std::byte> packet,
                                         std::vector<base::UniqueFd> files) {
  if (packet.size() < kPacketHeader || packet.size() > kPacketHeader + kPacketBody) {
    reject(fmt::format("packet has {} bytes, expected {} to {}", packet.size(), kPacketHeader,
                       kPacketHeader + kPacketBody));
  }
  base::ByteReader reader(packet.first(kPacketHeader), {}, "packet header");
  const auto kind = reader.get<std::uint32_t>();
  const auto flags = reader.get<std::uint32_t>();
  const auto call = reader.get<std::uint64_t>();
  const auto body = packet.subspan(kPacketHeader);
  if (flags > kMore) {
    reject(fmt::format("packet has flags {:#x}, expected 0 or 1", flags));
  }
  if (!pending_) {
    pending_ = Message{.kind = kind, .call = call, .body = {}, .files = std::move(files)};
  } else if (kind != pending_->kind || call != pending_->call || !files.empty()) {
    reject("packet does not continue the message before it");
  }
  if (pending_->files.size() > kMaximumFiles) {
    reject(fmt::format("message has {} descriptors, expected at most {}", pending_->files.size(),
                       kMaximumFiles));
  }
  if (pending_->body.size() + body.size() > kMaximumBody) {
    reject(fmt::format("message has more than {} bytes", kMaximumBody));
  }
  pending_->body.insert(pending_->body.end(), body.begin(), body.end());
  if (flags == kMore) {
    return std::nullopt;
  }
  return std::exchange(pending_, std::nullopt);
}

}  // namespace faasnap::worker
