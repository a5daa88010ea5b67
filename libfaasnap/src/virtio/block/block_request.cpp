// SPDX-License-Identifier: Apache-2.0

#include "virtio/block/block_request.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <limits>
#include <span>

namespace faasnap::virtio {
namespace {

// struct virtio_blk_req: 32 bits of type, 32 reserved, 64 of sector, all little-endian.
constexpr std::size_t kHeaderSize = 16;
constexpr std::size_t kSectorOffset = 8;

}  // namespace

bool BlockRequest::parse(Queue& queue) {
  const auto reject = [&queue](const std::string& reason) {
    queue.fault(reason);
    return false;
  };
  if (const std::size_t size = total_size(chain.readable); size < kHeaderSize) {
    return reject(fmt::format("block request header of {} bytes, expected {}", size, kHeaderSize));
  }
  const std::uint64_t answer = total_size(chain.writable);
  if (answer == 0) {
    return reject("block request without room for the status");
  }
  if (answer > std::numeric_limits<std::uint32_t>::max()) {
    return reject(fmt::format("block request is too large: {} bytes", answer));
  }
  std::array<std::byte, kHeaderSize> header;
  if (!queue.admit(chain.readable, 0, kHeaderSize)) {
    return false;
  }
  copy_from(chain.readable, 0, header);
  std::memcpy(&operation, header.data(), sizeof(operation));
  std::memcpy(&sector, header.data() + kSectorOffset, sizeof(sector));
  data_size = answer - 1;
  done = 0;
  return true;
}

bool BlockRequest::within(std::uint64_t sectors) const noexcept {
  return data_size % kSectorSize == 0 && sector <= sectors &&
         data_size / kSectorSize <= sectors - sector;
}

void BlockRequest::complete(Queue& queue, BlockStatus status) noexcept {
  const auto code = static_cast<std::byte>(status);
  if (queue.admit(chain.writable, data_size, 1)) {
    copy_to(chain.writable, data_size, std::span(&code, 1));
  }
  queue.push_used(chain.head, static_cast<std::uint32_t>(done + 1));
}

}  // namespace faasnap::virtio
