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
#include <faasnap/guest_stream.h>
#include <faasnap/log.h>
#include <faasnap/object_info.h>
#include <faasnap/progress.h>
#include <faasnap/units.h>

namespace faasnap {

struct RedisOptions;

// Where functions find their inputs and leave their outputs: keys and byte strings in a directory
// of the host, one file per key, written atomically. Several stores, in one process or many, may
// use the same directory. Safe from any thread.
class FAASNAP_EXPORT ObjectStore {
 public:
  // Keys are of 1 to 512 bytes; values are at most 512 MiB, as in Redis.
  static constexpr std::size_t kMaximumKey = kMaximumObjectKey;
  static constexpr Bytes kMaximumValue = kMaximumObjectValue;

  // `directory` is created when it is missing.
  explicit ObjectStore(std::filesystem::path directory);

  std::optional<std::vector<std::byte>> get(std::string_view key) const;
  // Holds no more than a piece; false when there is no such object.
  bool read(std::string_view key, const ValueSink& sink) const;
  void set(std::string_view key, std::span<const std::byte> value, const Progress& progress = {});
  // Whether there was something to remove.
  bool remove(std::string_view key);
  std::optional<Bytes> size(std::string_view key) const;
  // The objects whose keys match `pattern`, by key. As in Redis: `*`, `?`, `[a-z]`, `[^a-z]`, and
  // `\` before a character that stands for itself.
  std::vector<ObjectInfo> list(std::string_view pattern = "*") const;

  const std::filesystem::path& directory() const noexcept { return directory_; }

 private:
  std::filesystem::path directory_;
};

// Serves a store with the Redis protocol (RESP2): GET, SET, DEL, EXISTS, STRLEN, PING, and what
// client libraries send on connecting; nothing else, whatever the store is. One thread per
// connection, at most `kMaximumClients`. Owns its connections and threads; the destructor closes
// and joins them, and waits for a server that is being connected to.
//
// Over a Redis server each connection has one of its own to it, made on the first command that
// needs it and made anew after a failure. The client is told the kind of a failure only; `log` gets
// all of it.
class FAASNAP_EXPORT ObjectStoreServer {
 public:
  static constexpr unsigned kMaximumClients = 256;

  explicit ObjectStoreServer(ObjectStore store, LogSink log = {});
  explicit ObjectStoreServer(RedisOptions redis, LogSink log = {});
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
