#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/guest_channel.h>
#include <faasnap/units.h>

namespace faasnap {

// Where functions find their inputs and leave their outputs: keys and byte strings in a directory
// of the host, one file per key, written atomically. Several stores, in one process or many, may
// use the same directory. Safe from any thread.
class FAASNAP_EXPORT ObjectStore {
 public:
  // Keys are of 1 to 512 bytes; values are at most 512 MiB, as in Redis.
  static constexpr std::size_t kMaximumKey = 512;
  static constexpr Bytes kMaximumValue{512ULL << 20};

  // `directory` is created when it is missing.
  explicit ObjectStore(std::filesystem::path directory);

  std::optional<std::vector<std::byte>> get(std::string_view key) const;
  void set(std::string_view key, std::span<const std::byte> value);
  // Whether there was something to remove.
  bool remove(std::string_view key);
  std::optional<Bytes> size(std::string_view key) const;

  const std::filesystem::path& directory() const noexcept { return directory_; }

 private:
  std::filesystem::path directory_;
};

// Serves an ObjectStore with the Redis protocol (RESP2): GET, SET, DEL, EXISTS, STRLEN, PING, and
// what client libraries send on connecting. One thread per connection, at most `kMaximumClients`.
// Owns its connections and threads; the destructor closes and joins them.
class FAASNAP_EXPORT ObjectStoreServer {
 public:
  static constexpr unsigned kMaximumClients = 256;

  explicit ObjectStoreServer(ObjectStore store);
  ~ObjectStoreServer();
  ObjectStoreServer(const ObjectStoreServer&) = delete;
  ObjectStoreServer& operator=(const ObjectStoreServer&) = delete;

  // Serves one connection, for example from VM::listen; returns at once. Safe from any thread.
  void serve(GuestStream stream);
  // Listens on a Unix socket, which must not exist; removed by the destructor.
  void listen(const std::filesystem::path& socket);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
