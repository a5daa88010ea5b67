// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include <faasnap/object_store.h>
#include <faasnap/redis_options.h>

namespace faasnap {

// Objects on a Redis server. Each call has a connection of its own while it runs: an idle one if
// there is one, else a new one. A call that fails closes its connection, so the next call connects
// anew. At most as many connections are open as calls have run at once.
//
// Errors: ErrorKind::io if the server cannot be reached, closes the connection or refuses the
// command; ErrorKind::timeout; ErrorKind::permission for a wrong user or password;
// ErrorKind::no_space if the server is out of memory; ErrorKind::invalid_argument for a key that
// starts with kReservedKeys, and for an address that cannot be parsed.
class FAASNAP_EXPORT RedisStore final : public ObjectStore {
 public:
  // Does not connect.
  explicit RedisStore(RedisOptions options);
  ~RedisStore() override;

  // Checks that the server answers, connecting if necessary.
  void ping(const std::stop_token& stop = {}) const;

  bool read(std::string_view key, const ValueSink& sink,
            const std::stop_token& stop = {}) const override;
  void write(std::string_view key, Bytes size, const ValueSource& source,
             const std::stop_token& stop = {}) override;
  bool remove(std::string_view key, const std::stop_token& stop = {}) override;
  std::optional<Bytes> size(std::string_view key, const std::stop_token& stop = {}) const override;
  std::vector<ObjectInfo> list(std::string_view pattern = "*",
                               const std::stop_token& stop = {}) const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
