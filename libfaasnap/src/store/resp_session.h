// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/guest_stream.h>
#include <faasnap/log.h>
#include <faasnap/object_store.h>

#include "store/account.h"
#include "store/guest_objects.h"
#include "store/paced_stream.h"
#include "store/resp_parser.h"

namespace faasnap::store {

// One client of an ObjectStoreServer: reads requests, runs them, writes replies. For the thread
// that calls run().
//
// The client is not trusted. It can do what its guest's account allows and hold less than 1 MiB:
// large values go through in pieces.
class RespSession {
 public:
  // The arguments must outlive the session. To end run() from another thread, shut the stream's
  // socket down and request `stop`, which ends a call of the store. `log` receives the failures of
  // the store, of which the client learns the kind only.
  RespSession(ObjectStore& store, Account& account, GuestStream& stream, const LogSink& log,
              std::stop_token stop);

  // Returns when the client has disconnected or sent QUIT. Throws if the client breaks the
  // protocol, after telling it so, or keeps the server waiting.
  void run();

 private:
  using Request = RespParser::Request;
  struct Command;

  static const std::vector<Command>& commands();
  bool read_more();
  void execute(const Request& request);
  void read_value(std::span<std::byte> out);
  void flush();

  void get(const Request& request);
  void set(const Request& request);
  void remove(const Request& request);
  void exists(const Request& request);
  void length(const Request& request);
  void ping(const Request& request);
  void echo(const Request& request);
  void client(const Request& request);
  void select(const Request& request);
  void describe_commands(const Request& request);
  void info(const Request& request);
  void quit(const Request& request);

  void reply_status(std::string_view text);
  void reply_error(std::string_view text);
  void reply_integer(std::uint64_t value);
  void reply_bulk(std::string_view value);
  void reply_nil();

  Account& account_;
  GuestObjects objects_;
  PacedStream stream_;
  const LogSink& log_;
  const std::stop_token stop_;
  RespParser parser_;
  std::vector<std::byte> input_;
  std::string output_;
  bool quit_ = false;
  // True if the client has left in the middle of a value.
  bool gone_ = false;
  // True if a part of a reply has been sent and the rest has not.
  bool sending_ = false;
};

}  // namespace faasnap::store
