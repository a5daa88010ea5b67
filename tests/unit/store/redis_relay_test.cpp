// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <thread>

#include <faasnap/object_store_server.h>
#include <faasnap/redis_store.h>

#include "base/files/fd.h"
#include "redis/connection.h"
#include "redis/redis_fixture.h"
#include "support/support.h"

namespace faasnap {
namespace {

using test::bytes_of;
using test::RedisServer;
using test::text_of;

constexpr Nanoseconds kRelayPatience = std::chrono::minutes(2);

// Sanitizers make each byte slow; with them another value must do.
#ifdef FAASNAP_SANITIZED
constexpr Bytes kLargeValue = 32_MiB;
#else
constexpr Bytes kLargeValue = ObjectStore::kMaximumValue;
#endif

std::string command_of(std::initializer_list<std::string_view> words) {
  std::string text = fmt::format("*{}\r\n", words.size());
  for (const std::string_view word : words) {
    text += fmt::format("${}\r\n{}\r\n", word.size(), word);
  }
  return text;
}

// A guest's connection to a server of objects that are kept by Redis.
class Guest {
 public:
  explicit Guest(const RedisOptions& options, StoreLimits limits = {})
      : server_(std::make_shared<RedisStore>(options), [this](LogLevel, std::string_view text) {
          const std::lock_guard lock(mutex_);
          log_ += text;
        }) {
    auto [near, far] = base::make_stream_pair();
    server_.serve(GuestStream(far.release()), StoreAccount(std::move(limits)));
    stream_.emplace(near.release());
  }

  void send(std::string_view bytes) { stream_->write(bytes_of(bytes), kRelayPatience); }

  // Returns this many bytes, or fewer if the stream ends.
  std::string read(std::size_t expected) {
    std::string text;
    std::array<std::byte, 65536> buffer;
    while (text.size() < expected) {
      const std::size_t room = std::min(buffer.size(), expected - text.size());
      const std::size_t got = stream_->read(std::span(buffer).first(room), kRelayPatience);
      if (got == 0) {
        break;
      }
      text += text_of(std::span(buffer).first(got));
    }
    return text;
  }

  // The first line of the reply, which is all of it but for a value.
  std::string ask(std::initializer_list<std::string_view> words) {
    send(command_of(words));
    std::string line;
    while (!line.ends_with("\r\n")) {
      line += read(1);
    }
    return line.substr(0, line.size() - 2);
  }

  std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

 private:
  std::mutex mutex_;
  std::string log_;
  ObjectStoreServer server_;
  std::optional<GuestStream> stream_;
};

TEST_CASE("a guest's commands reach the Redis server") {
  const RedisServer redis;
  RedisStore store(redis.options());
  Guest guest(redis.options());
  CHECK(guest.ask({"PING"}) == "+PONG");
  CHECK(guest.ask({"GET", "k"}) == "$-1");
  CHECK(guest.ask({"SET", "k", "value"}) == "+OK");
  CHECK(text_of(*store.get("k")) == "value");
  guest.send(command_of({"GET", "k"}) + command_of({"STRLEN", "k"}) +
             command_of({"EXISTS", "k", "x", "k"}) + command_of({"DEL", "k", "x"}) +
             command_of({"GET", "k"}));
  CHECK(guest.read(28) == "$5\r\nvalue\r\n:5\r\n:2\r\n:1\r\n$-1\r\n");
}

TEST_CASE("a guest has no command that reaches past its objects") {
  const RedisServer redis;
  RedisStore store(redis.options());
  store.set("other", bytes_of("1"));
  Guest guest(redis.options());
  for (const char* word : {"FLUSHALL", "KEYS", "EVAL", "CONFIG", "SCAN", "HSET", "SHUTDOWN", "AUTH",
                           "SUBSCRIBE", "MULTI", "RENAME"}) {
    CHECK(guest.ask({word, "*", "a", "b"}) == fmt::format("-ERR unknown command '{}'", word));
  }
  CHECK(guest.ask({"SELECT", "1"}) == "-ERR DB index is out of range");
  // A key is a key, whatever is in it.
  CHECK(guest.ask({"SET", "k\r\nFLUSHALL\r\n", "\r\n*1\r\n$8\r\nFLUSHALL\r\n"}) == "+OK");
  CHECK(store.list().size() == 2);
}

TEST_CASE("a guest reaches no key of anybody else on the server") {
  const RedisServer redis;
  redis::Connection others(redis.options());
  others.command({"SET", "text", "1"});
  others.command({"HSET", "faasnap:snapshots", "name", "1"});
  Guest guest(redis.options());
  for (const char* key : {"text", "faasnap:snapshots"}) {
    CHECK(guest.ask({"GET", key}) == "$-1");
    CHECK(guest.ask({"DEL", key}) == ":0");
    CHECK(guest.ask({"SET", key, "x"}) == "+OK");
    CHECK(guest.ask({"DEL", key}) == ":1");
  }
  CHECK(others.command({"EXISTS", "text", "faasnap:snapshots"})->integer == 2);
}

TEST_CASE("a guest's prefix holds on the server, too") {
  const RedisServer redis;
  RedisStore store(redis.options());
  Guest guest(redis.options(), {.prefix = "guest/"});
  CHECK(guest.ask({"SET", "k", "value"}) == "+OK");
  CHECK(text_of(*store.get("guest/k")) == "value");
}

TEST_CASE("what fails on the server is an error for the guest, and its text is for the host") {
  RedisServer redis;
  Guest guest(redis.options());
  redis.stop();
  CHECK(guest.ask({"GET", "k"}) == "-ERR GET failed: io");
  CHECK(guest.log().find(redis.options().address) != std::string::npos);
  redis.start();
  CHECK(guest.ask({"SET", "k", "v"}) == "+OK");
  redis.stop();
  CHECK(guest.ask({"SET", "k", "v"}) == "-ERR SET failed: io");
  redis.start();
  CHECK(guest.ask({"EXISTS", "k"}) == ":0");
}

TEST_CASE("a password that is wrong is an error for the guest") {
  const RedisServer redis({"--requirepass", "secret"});
  RedisOptions options = redis.options();
  options.password = "wrong";
  Guest guest(options);
  CHECK(guest.ask({"GET", "k"}) == "-ERR GET failed: permission");
  CHECK(guest.log().find("WRONGPASS") != std::string::npos);
}

TEST_CASE("a server that is slow is an error for the guest, which may try again") {
  const RedisServer redis;
  RedisOptions options = redis.options();
  options.timeout = std::chrono::milliseconds(300);
  Guest guest(options);
  CHECK(guest.ask({"SET", "k", "v"}) == "+OK");
  redis.freeze();
  CHECK(guest.ask({"GET", "k"}) == "-ERR GET failed: timeout");
  redis.thaw();
  std::string reply;
  for (int tries = 0; tries < 100 && reply != ":1"; ++tries) {
    reply = guest.ask({"EXISTS", "k"});
  }
  CHECK(reply == ":1");
}

TEST_CASE("a value that breaks off ends the guest's connection, with no bytes in its place") {
  RedisServer redis;
  const std::vector<std::byte> value(64 << 20);
  RedisStore(redis.options()).set("k", value);
  Guest guest(redis.options());
  CHECK(guest.ask({"GET", "k"}) == fmt::format("${}", value.size()));
  CHECK(guest.read(1 << 20).size() == 1 << 20);
  redis.stop();
  CHECK(guest.read(value.size()).size() < value.size() - (1 << 20));
}

TEST_CASE("the largest value passes in both directions") {
  const RedisServer redis;
  RedisOptions options = redis.options();
  // Redis copies the value before it answers.
  options.timeout = kRelayPatience;
  Guest guest(options);
  const std::string value(kLargeValue.value, 'v');
  guest.send(fmt::format("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.size()));
  guest.send(value);
  guest.send("\r\n");
  REQUIRE(guest.read(5) == "+OK\r\n");
  REQUIRE(guest.ask({"GET", "k"}) == fmt::format("${}", value.size()));
  CHECK((guest.read(value.size()) == value));
  CHECK(guest.read(2) == "\r\n");
  CHECK(guest.ask({"PING"}) == "+PONG");
}

TEST_CASE("the server of objects ends while Redis keeps a guest waiting") {
  const RedisServer redis;
  RedisOptions options = redis.options();
  options.timeout = std::chrono::hours(1);
  Guest guest(options);
  CHECK(guest.ask({"SET", "k", "v"}) == "+OK");
  redis.freeze();
  guest.send(command_of({"GET", "k"}));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

}  // namespace
}  // namespace faasnap
