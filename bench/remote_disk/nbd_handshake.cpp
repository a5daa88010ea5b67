// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/nbd_handshake.h"

#include <endian.h>
#include <linux/nbd.h>

#include <cstring>

namespace faasnap::bench {
namespace {

constexpr char kMagic[] = {'N', 'B', 'D', 'M', 'A', 'G', 'I', 'C'};
constexpr std::uint64_t kOldstyle = 0x0000420281861253;

}  // namespace

std::array<std::byte, 152> nbd_handshake(std::uint64_t size) noexcept {
  // The last 124 bytes have no meaning.
  std::array<std::byte, 152> bytes{};
  const auto put = [&](std::size_t at, auto number) {
    std::memcpy(bytes.data() + at, &number, sizeof number);
  };
  std::memcpy(bytes.data(), kMagic, sizeof kMagic);
  put(8, htobe64(kOldstyle));
  put(16, htobe64(size));
  put(24, htobe32(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_TRIM));
  return bytes;
}

}  // namespace faasnap::bench
