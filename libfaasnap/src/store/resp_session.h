// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/guest_stream.h>
#include <faasnap/log.h>
#include <faasnap/object_store.h>

#include "store/byte_budget.h"
#include "store/resp_parser.h"

namespace faasnap::store {

// One client of an ObjectStoreServer: reads requests, runs them, writes replies. For the thread
// that calls run().
//
// The client is not trusted. It can hold no more than a piece of `budget` and some 2 MiB, and is
// disconnected if it stops in the middle of a large value or of a reply for kStall.
class RespSession {
 public:
  static constexpr Nanoseconds kStall = std::chrono::seconds(30);

  // The arguments must outlive the session. To end run() from another thread, shut the stream's
  // socket down and request `stop`, which ends a call of the store. `log` receives the failures of
  // the store, of which the client learns the kind only.
  RespSession(ObjectStore& store, GuestStream& stream, ByteBudget& budget, const LogSink& log,
              std::stop_token stop);

  // Returns when the client has disconnected or sent QUIT. Throws if the client breaks the
  // protocol, after telling it so, or stops reading its replies.
  void run();

 private:
  using Arguments = std::vector<std::string>;
  struct Command;

  static const std::vector<Command>& commands();
  bool read_more();
  void execute(Arguments& request);
  void flush();

  void get(const Arguments& request);
  void set(const Arguments& request);
  void remove(const Arguments& request);
  void exists(const Arguments& request);
  void length(const Arguments& request);
  void ping(const Arguments& request);
  void echo(const Arguments& request);
  void client(const Arguments& request);
  void select(const Arguments& request);
  void describe_commands(const Arguments& request);
  void info(const Arguments& request);
  void quit(const Arguments& request);

  void reply_status(std::string_view text);
  void reply_error(std::string_view text);
  void reply_integer(std::uint64_t value);
  void reply_bulk(std::string_view value);
  void reply_nil();

  ObjectStore& store_;
  GuestStream& stream_;
  ByteBudget& budget_;
  const LogSink& log_;
  const std::stop_token stop_;
  RespParser parser_;
  ByteBudget::Piece piece_;
  std::vector<std::byte> input_;
  std::string output_;
  bool quit_ = false;
  // True if a part of a reply has been sent and the rest has not.
  bool sending_ = false;
};

}  // namespace faasnap::store
