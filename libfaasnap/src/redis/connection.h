#pragma once

#include <hiredis/hiredis.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/progress.h>
#include <faasnap/redis_options.h>

namespace faasnap::redis {

// One connection to a Redis server: hiredis connects, authenticates and runs commands; the bytes of
// a large value pass by without being held. For one thread at a time. Errors as of RedisStore; the
// ones that name the server's own words leave the link usable, all others do not.
class RedisLink {
 public:
  struct ReplyDeleter {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
  };
  using Reply = std::unique_ptr<redisReply, ReplyDeleter>;
  using Words = std::span<const std::string_view>;

  // Connects, proves who it is, selects the database and asks for a PING.
  explicit RedisLink(const RedisOptions& options);
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;

  // Runs a command and returns its reply, which is never an error.
  Reply command(Words words);
  Reply command(std::initializer_list<std::string_view> words) {
    return command(Words(words.begin(), words.size()));
  }
  // The same, in two steps, for several commands at once: replies come in the order of commands.
  void send(std::initializer_list<std::string_view> words);
  Reply receive();

  // Begins to read a value, which `read` gives piece by piece; nothing when there is none.
  std::optional<Bytes> get(std::string_view key);
  // The next bytes of the value: at least one, at most `left()`.
  std::size_t read(std::span<std::byte> out);
  // Bytes of the value that have not been read.
  Bytes left() const noexcept { return left_; }

  void set(std::string_view key, std::span<const std::byte> value, const Progress& progress);

  // Whether the next command can go over this link: nothing has failed, no value is half read, and
  // the server has not closed its end.
  bool usable() const noexcept;
  // Stays the link's; a shutdown by another thread makes what waits fail.
  int descriptor() const noexcept { return context_->fd; }

 private:
  struct ContextDeleter {
    void operator()(redisContext* context) const noexcept;
  };

  void connect(const RedisOptions& options);
  void log_in(const RedisOptions& options);
  void flush();
  Reply checked(redisReply* reply);
  std::size_t read_socket(std::span<std::byte> out);
  std::string read_line();
  void read_line_end();
  [[noreturn]] void fail_link();
  [[noreturn]] void fail_protocol(const std::string& reason);

  std::string address_;
  std::unique_ptr<redisContext, ContextDeleter> context_;
  bool tls_ = false;
  bool broken_ = false;
  // Commands whose replies have not been read.
  unsigned outstanding_ = 0;
  // What has been read past the line of a value's length.
  std::vector<std::byte> input_;
  std::span<std::byte> unread_;
  Bytes left_;
};

// The key of an object on the server. Throws ErrorKind::invalid_argument for one that no store
// takes, or that is reserved.
std::string redis_key(const RedisOptions& options, std::string_view key);

}  // namespace faasnap::redis
