// SPDX-License-Identifier: Apache-2.0

// The program of a VM's worker (docs/reference/worker.md). The library starts it; it is of no use
// by itself.

#include <cstdlib>
#include <string_view>

#include "base/files/fd.h"
#include "jail/confine.h"
#include "server.h"
#include "worker/channel.h"
#include "worker/program.h"
#include "worker/protocol.h"

namespace {

constexpr int kUsage = 2;
constexpr int kBroken = 3;

}  // namespace

int main(int count, char** arguments) {
  using namespace faasnap;
  if (count != 3 || arguments[1] != worker::own_version()) {
    return kUsage;
  }
  try {
    worker::Channel channel{base::UniqueFd(worker::kSocket)};
    const WorkerInfo info =
        worker::confine(worker::kSocket, arguments[2] == std::string_view(worker::kWithNamespaces));
    channel.send(static_cast<std::uint32_t>(worker::Kind::ready), 0, worker::encode(info));
    worker::Server server(channel);
    server.run();
  } catch (const std::exception&) {
    std::_Exit(kBroken);
  }
  // Without destructors: the kernel is faster, and waits for nobody.
  std::_Exit(0);
}
