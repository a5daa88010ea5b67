#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/object_store.h>
#include <faasnap/progress.h>
#include <faasnap/redis_options.h>
#include <faasnap/units.h>

namespace faasnap {

// The objects that functions read and write, kept by a Redis server: the calls of ObjectStore.
// Connects on first use and, after a failure, anew on the next. For one thread at a time.
//
// Errors: ErrorKind::io when the server cannot be reached, goes away or refuses a command;
// ErrorKind::timeout; ErrorKind::permission for a wrong password or user; ErrorKind::no_space when
// the server is out of memory; ErrorKind::invalid_argument for keys and values that no store takes.
class FAASNAP_EXPORT RedisStore {
 public:
  explicit RedisStore(RedisOptions options);
  RedisStore(RedisStore&& other) noexcept;
  RedisStore& operator=(RedisStore&& other) noexcept;
  ~RedisStore();

  // Connects, if it is not connected, and checks that the server answers.
  void ping();
  std::optional<std::vector<std::byte>> get(std::string_view key);
  // Holds no more than a piece; false when there is no such object.
  bool read(std::string_view key, const ValueSink& sink);
  // Sends `value` from where it is.
  void set(std::string_view key, std::span<const std::byte> value, const Progress& progress = {});
  bool remove(std::string_view key);
  std::optional<Bytes> size(std::string_view key);
  std::vector<ObjectInfo> list(std::string_view pattern = "*");

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
