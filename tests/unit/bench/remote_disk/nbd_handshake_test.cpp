// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/nbd_handshake.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>

namespace faasnap::bench {
namespace {

TEST_CASE("the handshake is the protocol's, byte by byte") {
  const auto bytes = nbd_handshake(0x0102030405060708);
  const std::string begin(reinterpret_cast<const char*>(bytes.data()), 28);
  CHECK(begin == std::string("NBDMAGIC"
                             "\x00\x00\x42\x02\x81\x86\x12\x53"
                             "\x01\x02\x03\x04\x05\x06\x07\x08"
                             // Flags follow; FLUSH and TRIM are offered.
                             "\x00\x00\x00\x25",
                             28));
  CHECK(std::all_of(bytes.begin() + 28, bytes.end(), [](std::byte b) { return b == std::byte{}; }));
}

}  // namespace
}  // namespace faasnap::bench
