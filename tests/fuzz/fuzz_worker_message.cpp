// SPDX-License-Identifier: Apache-2.0

// What a worker that a guest has taken over sends: packets, and the bodies of messages.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <faasnap/error.h>

#include "support.h"
#include "worker/message.h"
#include "worker/protocol.h"

namespace {

using namespace faasnap;

template <typename... Values>
void try_body(std::span<const std::byte> body) {
  try {
    std::tuple<Values...> values;
    std::apply([&](auto&... each) { worker::decode(body, each...); }, values);
    // What was read is what is written again.
    const auto again = std::apply([](auto&... each) { return worker::encode(each...); }, values);
    fuzz::require(std::ranges::equal(again, body));
  } catch (const Error&) {
    // Refused, as most inputs are.
  }
}

}  // namespace

// The first byte says how long the packets are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto bytes = fuzz::bytes_of(data + 1, size - 1);
  try_body<std::string>(bytes);
  try_body<LogLevel, std::string>(bytes);
  try_body<VmState, std::string>(bytes);
  try_body<VmStats>(bytes);
  try_body<WorkerInfo>(bytes);
  try_body<worker::ErrorText>(bytes);
  try_body<std::vector<PageLoad>>(bytes);
  try_body<std::vector<PageAccess>>(bytes);
  const std::size_t piece = worker::kPacketHeader + data[0];
  worker::PacketReader reader;
  std::size_t total = 0;
  try {
    for (auto rest = bytes; !rest.empty(); rest = rest.subspan(std::min(piece, rest.size()))) {
      if (const auto message = reader.add(rest.first(std::min(piece, rest.size())), {})) {
        total += message->body.size();
      }
    }
  } catch (const Error&) {
    // Refused, as most inputs are.
  }
  fuzz::require(total <= size);
  return 0;
}
