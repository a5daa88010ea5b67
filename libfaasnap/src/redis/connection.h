// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <hiredis/hiredis.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/redis_options.h>

namespace faasnap::redis {

// A connection to a Redis server. hiredis connects, authenticates and runs commands; large values
// are streamed. For one thread at a time, except interrupt().
//
// Errors: as RedisStore; ErrorKind::corrupt if the server breaks the protocol. After an error the
// connection may only be destroyed.
class Connection {
 public:
  struct ReplyDeleter {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
  };
  using Reply = std::unique_ptr<redisReply, ReplyDeleter>;
  using Words = std::span<const std::string_view>;
  // Receives the pieces of a value in order, none if it is empty.
  using Sink = std::function<void(std::span<const std::byte> piece, Bytes total)>;
  // Fills `out` with the next bytes of a value.
  using Source = std::function<void(std::span<std::byte> out)>;

  // Largest value that a Redis server keeps.
  static constexpr Bytes kMaximumValue = 512_MiB;

  // Connects, authenticates, selects the database and checks that the server answers a PING.
  explicit Connection(const RedisOptions& options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs a command and returns its reply. Throws if the reply is an error.
  Reply command(Words words);
  Reply command(std::initializer_list<std::string_view> words) {
    return command(Words(words.begin(), words.size()));
  }
  // The same in two steps, for several commands in one round trip: replies come in the order of the
  // commands.
  void send(Words words);
  void send(std::initializer_list<std::string_view> words) {
    send(Words(words.begin(), words.size()));
  }
  Reply receive();

  // Streams the value of `key` to `sink`. Returns false if the key does not exist.
  bool read(std::string_view key, const Sink& sink);
  // Sets `key` to a value of `size` bytes, piece by piece. If `source` throws, the server keeps the
  // old value, and the connection may only be destroyed.
  void set(std::string_view key, Bytes size, const Source& source);

  // True if the server has neither closed its end nor sent anything that no command asked for.
  bool usable() const noexcept;
  // Makes the running call and every later one fail. May be called from any thread.
  void interrupt() noexcept;

 private:
  struct ContextDeleter {
    void operator()(redisContext* context) const noexcept;
  };

  void connect(const RedisOptions& options);
  void log_in(const RedisOptions& options);
  void flush();
  void fill_input();
  std::string read_line();
  Bytes parse_length(std::string_view line) const;
  [[noreturn]] void fail_reply(std::string_view text) const;
  [[noreturn]] void fail_transfer() const;
  [[noreturn]] void fail_protocol(const std::string& reason) const;

  const std::string address_;
  std::unique_ptr<redisContext, ContextDeleter> context_;
  bool tls_ = false;
  // Bytes of a value, and of the lines around it, that passed hiredis by.
  std::vector<std::byte> input_;
  std::span<std::byte> unread_;
};

}  // namespace faasnap::redis
