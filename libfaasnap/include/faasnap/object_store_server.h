// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <memory>

#include <faasnap/export.h>
#include <faasnap/guest_stream.h>
#include <faasnap/log.h>
#include <faasnap/object_store.h>
#include <faasnap/store_account.h>

namespace faasnap {

// Serves a store over the Redis protocol (RESP2): GET, SET, DEL, EXISTS, STRLEN, PING, and what
// client libraries send when they connect. No other command exists, whatever the store is.
//
// One thread per connection. Owns its connections and threads; shares the store. The destructor
// closes the connections, stops the calls of the store that they wait for, and joins the threads;
// it waits for a RedisStore that is connecting.
//
// The guests are not trusted: what they may see, store and spend is in their StoreLimits. A failure
// of the store is an error reply that names its ErrorKind only; `log` receives the whole message.
class FAASNAP_EXPORT ObjectStoreServer {
 public:
  // Maximum number of connections of all guests.
  static constexpr unsigned kMaximumClients = 1024;

  explicit ObjectStoreServer(std::shared_ptr<ObjectStore> store, LogSink log = {});
  ~ObjectStoreServer();
  ObjectStoreServer(const ObjectStoreServer&) = delete;
  ObjectStoreServer& operator=(const ObjectStoreServer&) = delete;

  // Serves one connection, for example from VM::listen, within what `account` allows, and returns
  // at once. A connection too many gets an error reply and is closed. May be called from any
  // thread.
  void serve(GuestStream stream, const StoreAccount& account);
  // Listens on a Unix socket, which the destructor removes; all its connections share `account`.
  // Throws ErrorKind::already_exists if the path exists.
  void listen(const std::filesystem::path& socket, const StoreAccount& account = StoreAccount());

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
