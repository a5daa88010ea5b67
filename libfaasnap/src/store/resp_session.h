#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <faasnap/guest_stream.h>
#include <faasnap/log.h>

#include "store/byte_budget.h"
#include "store/object_backend.h"
#include "store/resp_parser.h"

namespace faasnap::store {

// One client of an object store server: reads requests, runs them, writes replies. For the thread
// that calls run(). The client is not trusted: it can hold no more than a piece of `budget` and
// some 2 MiB, and one that stops in the middle of a large value or of a reply is given up after
// kStall.
class RespSession {
 public:
  static constexpr Nanoseconds kStall = std::chrono::seconds(30);

  // All of them must outlive the session; a shutdown of the stream's socket by another thread ends
  // run(), once the store lets it. `log` gets what the client is told the kind of only.
  RespSession(ObjectBackend& store, GuestStream& stream, ByteBudget& budget, const LogSink& log);

  // Returns when the client has left or asked to. Throws when it broke the protocol, after having
  // told it so, or went away without reading its replies.
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

  ObjectBackend& store_;
  GuestStream& stream_;
  ByteBudget& budget_;
  const LogSink& log_;
  RespParser parser_;
  ByteBudget::Piece piece_;
  std::vector<std::byte> input_;
  std::string output_;
  bool quit_ = false;
  // Part of a reply has been sent and the rest has not.
  bool sending_ = false;
};

}  // namespace faasnap::store
