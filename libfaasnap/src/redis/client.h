#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <faasnap/object_info.h>
#include <faasnap/progress.h>
#include <faasnap/redis_options.h>

#include "redis/connection.h"

namespace faasnap::redis {

// What RedisStore promises, and the parts that a relay needs. For one thread at a time, but for
// cancel().
class RedisClient {
 public:
  explicit RedisClient(RedisOptions options) : options_(std::move(options)) {}

  // A link that is usable: the one there is, or a new one. Stays the client's; valid until the next
  // call.
  RedisLink& link();
  // Gives the link up, whatever it is in the middle of; the next call makes a new one.
  void drop() noexcept;
  // Makes the call that is waiting, and every later one, fail with ErrorKind::cancelled or
  // ErrorKind::io; one that is connecting goes on for as long as that may take. From any thread.
  void cancel() noexcept;

  // As RedisLink::get; what follows is read from `link_in_use()`.
  std::optional<Bytes> get(std::string_view key);
  RedisLink& link_in_use() noexcept { return *link_; }
  void set(std::string_view key, std::span<const std::byte> value, const Progress& progress);
  bool remove(std::string_view key);
  std::optional<Bytes> size(std::string_view key);
  std::vector<ObjectInfo> list(std::string_view pattern);

 private:
  const RedisOptions options_;
  // Changed by the client's own thread only, under the mutex.
  std::unique_ptr<RedisLink> link_;
  std::mutex mutex_;
  bool cancelled_ = false;
};

}  // namespace faasnap::redis
