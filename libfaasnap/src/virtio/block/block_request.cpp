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

// struct virtio_blk_discard_write_zeroes: 64 bits of sector, 32 of number, 32 of flags.
constexpr std::size_t kExtentSize = 16;
constexpr std::size_t kExtentSectorsOffset = 8;
constexpr std::size_t kExtentFlagsOffset = 12;

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
  status_at = answer - 1;
  data_size = takes_data() ? total_size(chain.readable) - kHeaderSize : status_at;
  done = 0;
  return true;
}

bool BlockRequest::takes_data() const noexcept {
  switch (static_cast<BlockOperation>(operation)) {
    case BlockOperation::write:
    case BlockOperation::discard:
    case BlockOperation::write_zeroes:
      return true;
    default:
      return false;
  }
}

std::uint64_t BlockRequest::data_begin() const noexcept { return takes_data() ? kHeaderSize : 0; }

bool BlockRequest::read_extent(Queue& queue, BlockExtent& extent) const {
  std::array<std::byte, kExtentSize> bytes;
  if (data_size != kExtentSize || !queue.admit(chain.readable, kHeaderSize, kExtentSize)) {
    return false;
  }
  copy_from(chain.readable, kHeaderSize, bytes);
  std::memcpy(&extent.sector, bytes.data(), sizeof(extent.sector));
  std::memcpy(&extent.sectors, bytes.data() + kExtentSectorsOffset, sizeof(extent.sectors));
  std::memcpy(&extent.flags, bytes.data() + kExtentFlagsOffset, sizeof(extent.flags));
  return true;
}

bool BlockRequest::within(std::uint64_t sectors) const noexcept {
  return data_size % kSectorSize == 0 && sector <= sectors &&
         data_size / kSectorSize <= sectors - sector;
}

void BlockRequest::complete(Queue& queue, BlockStatus status) noexcept {
  const auto code = static_cast<std::byte>(status);
  if (queue.admit(chain.writable, status_at, 1)) {
    copy_to(chain.writable, status_at, std::span(&code, 1));
  }
  const std::uint64_t answered = takes_data() ? 0 : done;
  queue.push_used(chain.head, static_cast<std::uint32_t>(answered + 1));
}

}  // namespace faasnap::virtio
