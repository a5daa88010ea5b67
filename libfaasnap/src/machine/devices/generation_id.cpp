// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/generation_id.h"

#include <array>

#include "base/error.h"
#include "base/random.h"

namespace faasnap::machine {

GenerationId::GenerationId(const memory::GuestMemory& memory, memory::GuestAddress address)
    : memory_(memory), address_(address) {}

void GenerationId::renew() {
  const auto value = base::random_value<std::array<std::byte, 16>>();
  if (!memory_.write(address_, value)) {
    base::fail(ErrorKind::internal, "write generation identifier", {},
               "its address is not guest memory");
  }
}

}  // namespace faasnap::machine
