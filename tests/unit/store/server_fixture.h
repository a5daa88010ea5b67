// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <faasnap/directory_store.h>
#include <faasnap/guest_stream.h>
#include <faasnap/object_store_server.h>

#include "base/files/fd.h"
#include "support/support.h"

namespace faasnap::test {

inline constexpr Nanoseconds kPatience = std::chrono::seconds(20);

struct Server {
  ScratchDirectory scratch;
  std::shared_ptr<ObjectStore> store = std::make_shared<DirectoryStore>(scratch.path() / "store");
  ObjectStoreServer server{store};
  StoreAccount account;

  explicit Server(StoreLimits limits = {}) : account(std::move(limits)) {}

  GuestStream connect() { return connect(account); }
  GuestStream connect(const StoreAccount& guest) {
    auto [near, far] = base::make_stream_pair();
    server.serve(GuestStream(far.release()), guest);
    return GuestStream(near.release());
  }
};

// Exactly the bytes that are there until `expected` bytes have come, or the end.
inline std::string read_bytes(GuestStream& stream, std::size_t expected) {
  std::string text;
  std::array<std::byte, 4096> buffer;
  while (text.size() < expected) {
    const std::size_t room = std::min(buffer.size(), expected - text.size());
    const std::size_t got = stream.read(std::span(buffer).first(room), kPatience);
    if (got == 0) {
      break;
    }
    text += text_of(std::span(buffer).first(got));
  }
  return text;
}

inline std::string read_to_end(GuestStream& stream) { return read_bytes(stream, 1 << 20); }

inline std::string command(std::initializer_list<std::string_view> words) {
  std::string text = fmt::format("*{}\r\n", words.size());
  for (const std::string_view word : words) {
    text += fmt::format("${}\r\n{}\r\n", word.size(), word);
  }
  return text;
}

// The reply to one command on a connection of its own.
inline std::string reply_to(Server& server, std::initializer_list<std::string_view> words) {
  GuestStream client = server.connect();
  client.write(bytes_of(command(words)));
  client.shutdown_write();
  return read_to_end(client);
}

}  // namespace faasnap::test
