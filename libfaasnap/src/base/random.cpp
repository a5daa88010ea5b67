// SPDX-License-Identifier: Apache-2.0

#include "base/random.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>

#include "base/error.h"

namespace faasnap::base {

void fill_random(std::span<std::byte> out) {
  // A request of up to 256 bytes is never short.
  if (retry_eintr([&] { return ::getrandom(out.data(), out.size(), 0); }) < 0) {
    fail_errno("get random bytes");
  }
}

std::string random_id() {
  const auto random = random_value<std::array<std::uint64_t, 2>>();
  return fmt::format("{:016x}{:016x}", random[0], random[1]);
}

}  // namespace faasnap::base
