#include "machine/generation_id.h"

#include <sys/random.h>

#include <array>

#include "base/error.h"

namespace faasnap::machine {

GenerationId::GenerationId(const memory::GuestMemory& memory, memory::GuestAddress address)
    : memory_(memory), address_(address) {}

void GenerationId::renew() {
  std::array<std::byte, 16> value;
  // Requests of up to 256 bytes are never cut short (getrandom(2)).
  if (base::retry_eintr([&] { return ::getrandom(value.data(), value.size(), 0); }) < 0) {
    base::fail_errno("get random bytes");
  }
  if (!memory_.write(address_, value)) {
    base::fail(ErrorKind::internal, "write generation identifier", {},
               "its address is not guest memory");
  }
}

}  // namespace faasnap::machine
