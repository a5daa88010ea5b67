// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <memory>

#include <faasnap/export.h>
#include <faasnap/guest_stream.h>
#include <faasnap/log.h>
#include <faasnap/object_store.h>

namespace faasnap {

// Serves a store over the Redis protocol (RESP2): GET, SET, DEL, EXISTS, STRLEN, PING, and what
// client libraries send when they connect. No other command exists, whatever the store is.
//
// One thread per connection. Owns its connections and threads; shares the store. The destructor
// closes the connections, stops the calls of the store that they wait for, and joins the threads;
// it waits for a RedisStore that is connecting.
//
// A failure of the store is an error reply that names its ErrorKind only; `log` receives the whole
// message.
class FAASNAP_EXPORT ObjectStoreServer {
 public:
  // Maximum number of connections.
  static constexpr unsigned kMaximumClients = 256;

  explicit ObjectStoreServer(std::shared_ptr<ObjectStore> store, LogSink log = {});
  ~ObjectStoreServer();
  ObjectStoreServer(const ObjectStoreServer&) = delete;
  ObjectStoreServer& operator=(const ObjectStoreServer&) = delete;

  // Serves one connection, for example from VM::listen, and returns at once. May be called from any
  // thread.
  void serve(GuestStream stream);
  // Listens on a Unix socket, which the destructor removes. Throws ErrorKind::already_exists if the
  // path exists.
  void listen(const std::filesystem::path& socket);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
