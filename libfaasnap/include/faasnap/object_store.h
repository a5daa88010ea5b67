// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/progress.h>
#include <faasnap/units.h>

namespace faasnap {

struct ObjectInfo {
  std::string key;
  Bytes size;
};

// Receives the pieces of a value in order. `total` is the size of the whole value; an empty value
// has no pieces. An exception that the sink throws ends the transfer and reaches the caller.
using ValueSink = std::function<void(std::span<const std::byte> piece, Bytes total)>;

// Fills `out` with the next bytes of a value. An exception that it throws ends the transfer and
// reaches the caller.
using ValueSource = std::function<void(std::span<std::byte> out)>;

// Where functions read their inputs and write their outputs: values under keys, both of any bytes.
// DirectoryStore keeps them in a directory, RedisStore on a Redis server; other implementations
// may keep them elsewhere.
//
// Every implementation may be called from any thread. A value is replaced as a whole: a reader sees
// the old one or the new one.
//
// Errors: ErrorKind::invalid_argument for a key or value outside of the limits; others as the
// implementation says. If `stop` is requested, a call that waits for a server throws
// ErrorKind::cancelled; a store that waits for nobody may ignore it.
class FAASNAP_EXPORT ObjectStore {
 public:
  // Limits of Redis. A key has at least one byte.
  static constexpr std::size_t kMaximumKey = 512;
  static constexpr Bytes kMaximumValue = 512_MiB;

  ObjectStore() = default;
  virtual ~ObjectStore();
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;

  // Returns the value, or nothing if the key does not exist. Calls read() unless overridden.
  virtual std::optional<std::vector<std::byte>> get(std::string_view key,
                                                    const std::stop_token& stop = {}) const;
  // Streams the value to `sink` without holding all of it in memory. Returns false if the key does
  // not exist.
  virtual bool read(std::string_view key, const ValueSink& sink,
                    const std::stop_token& stop = {}) const = 0;
  // Creates or replaces the value. If `progress` cancels, the value stays as it was. Calls write().
  void set(std::string_view key, std::span<const std::byte> value, const Progress& progress = {},
           const std::stop_token& stop = {});
  // Streams a value of `size` bytes from `source` without holding all of it in memory. If `source`
  // throws, the value stays as it was.
  virtual void write(std::string_view key, Bytes size, const ValueSource& source,
                     const std::stop_token& stop = {}) = 0;
  // Returns true if the key existed.
  virtual bool remove(std::string_view key, const std::stop_token& stop = {}) = 0;
  // Returns the size of the value, or nothing if the key does not exist.
  virtual std::optional<Bytes> size(std::string_view key,
                                    const std::stop_token& stop = {}) const = 0;
  // Returns the objects whose keys match `pattern`, sorted by key. As in Redis: `*`, `?`, `[a-z]`,
  // `[^a-z]`, and `\` before a character that stands for itself.
  virtual std::vector<ObjectInfo> list(std::string_view pattern = "*",
                                       const std::stop_token& stop = {}) const = 0;

 protected:
  // For implementations. Both throw ErrorKind::invalid_argument outside of the limits.
  static void check_key(std::string_view key);
  static void check_size(Bytes size);
};

}  // namespace faasnap
