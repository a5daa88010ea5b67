// SPDX-License-Identifier: Apache-2.0

#include <faasnap/redis_store.h>

#include <fmt/format.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/files/mapping.h"
#include "redis/connection.h"
#include "redis/redis_fixture.h"
#include "support/support.h"

namespace faasnap {
namespace {

using test::bytes_of;
using test::error_of;
using test::kind_of;
using test::RedisServer;
using test::text_of;

TEST_CASE("objects come back from Redis as they went there, and are gone when removed") {
  const RedisServer server;
  RedisStore store(server.options());
  const std::string key("a key\0with / anything\r\n", 23);
  CHECK_FALSE(store.get(key));
  CHECK_FALSE(store.size(key));
  store.set(key, bytes_of("\r\n$-1\r\n"));
  CHECK(text_of(*store.get(key)) == "\r\n$-1\r\n");
  CHECK(store.size(key) == Bytes{7});
  store.set(key, {});
  CHECK(store.get(key)->empty());
  CHECK(store.size(key) == Bytes{0});
  CHECK(store.remove(key));
  CHECK_FALSE(store.remove(key));
}

TEST_CASE("a large object passes in pieces") {
  const RedisServer server;
  RedisStore store(server.options());
  const auto value = base::Mapping::anonymous({(8 << 20) + 3});
  value.bytes()[5] = std::byte{5};
  value.bytes().back() = std::byte{7};
  Bytes told;
  store.set("k", value.bytes(), [&](Bytes done, Bytes total) {
    CHECK(total == value.size());
    CHECK(done > told);
    told = done;
    return true;
  });
  CHECK(told == value.size());
  std::size_t pieces = 0;
  std::vector<std::byte> got;
  CHECK(store.read("k", [&](std::span<const std::byte> piece, Bytes total) {
    CHECK(total == value.size());
    CHECK(piece.size() <= (1 << 20));
    ++pieces;
    got.insert(got.end(), piece.begin(), piece.end());
  }));
  CHECK(pieces > 8);
  CHECK(std::ranges::equal(got, value.bytes()));
}

TEST_CASE("a transfer that is given up takes nothing else with it") {
  const RedisServer server;
  RedisStore store(server.options());
  const std::vector<std::byte> value(4 << 20);
  store.set("k", bytes_of("before"));
  CHECK(kind_of([&] { store.set("k", value, [](Bytes done, Bytes) { return done < 1_MiB; }); }) ==
        ErrorKind::cancelled);
  CHECK(text_of(*store.get("k")) == "before");
  store.set("large", value);
  CHECK_THROWS_AS(store.read("large", [](auto, Bytes) { throw 1; }), int);
  CHECK(text_of(*store.get("k")) == "before");
}

TEST_CASE("Redis lists the objects that match, without what is reserved or no object") {
  const RedisServer server;
  RedisStore store(server.options());
  CHECK(store.list().empty());
  for (int i = 0; i < 3000; ++i) {
    store.set(fmt::format("k{}", i), bytes_of("value"));
  }
  CHECK(store.list().size() == 3000);
  const auto some = store.list("k299?");
  REQUIRE(some.size() == 10);
  CHECK(some[3].key == "k2993");
  CHECK(some[3].size == Bytes{5});
}

TEST_CASE("stores of different prefixes do not see each other's objects") {
  const RedisServer server;
  RedisOptions options = server.options();
  RedisStore plain(options);
  options.prefix = std::string("[a]*");
  RedisStore first(options);
  options.prefix = std::string("a");
  RedisStore second(options);
  first.set("k", bytes_of("1"));
  second.set("k", bytes_of("22"));
  CHECK(text_of(*first.get("k")) == "1");
  CHECK_FALSE(plain.get("[a]*k").has_value());
  REQUIRE(first.list().size() == 1);
  CHECK(first.list()[0].key == "k");
  CHECK(first.list()[0].size == Bytes{1});
}

TEST_CASE("keys that no store takes, and reserved ones, are refused") {
  const RedisServer server;
  RedisOptions options = server.options();
  RedisStore store(options);
  for (const std::string& key : {std::string(), std::string(513, 'k')}) {
    CHECK(kind_of([&] { store.get(key); }) == ErrorKind::invalid_argument);
    CHECK(kind_of([&] { store.set(key, {}); }) == ErrorKind::invalid_argument);
    CHECK(kind_of([&] { store.remove(key); }) == ErrorKind::invalid_argument);
  }
  options.prefix = std::string("faasnap");
  CHECK(kind_of([&] { RedisStore(options).get(":snapshots"); }) == ErrorKind::invalid_argument);
}

TEST_CASE("a server that is down is an error that names it, and a later call connects") {
  RedisServer server;
  RedisStore store(server.options());
  server.stop();
  const Error error = error_of([&] { store.ping(); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(error.path() == server.options().address);
  server.start();
  store.ping();
  store.set("k", bytes_of("v"));
  server.stop();
  CHECK(kind_of([&] { store.get("k"); }) == ErrorKind::io);
  server.start();
  CHECK_FALSE(store.get("k"));
}

TEST_CASE("a server that does not answer in time is an error, and a later call works") {
  const RedisServer server;
  RedisOptions options = server.options();
  options.timeout = std::chrono::milliseconds(200);
  RedisStore store(options);
  store.set("k", bytes_of("v"));
  server.freeze();
  CHECK(kind_of([&] { store.get("k"); }) == ErrorKind::timeout);
  CHECK(kind_of([&] { RedisStore(options).size("k"); }) == ErrorKind::timeout);
  // More than the buffers between here and there hold.
  CHECK(kind_of([&] { store.set("k", std::vector<std::byte>(32 << 20)); }) == ErrorKind::timeout);
  server.thaw();
  options.timeout = std::chrono::seconds(20);
  CHECK(text_of(*RedisStore(options).get("k")) == "v");
}

TEST_CASE("threads use one store at once, over connections that are kept") {
  static constexpr int kThreads = 8;
  const RedisServer server;
  RedisStore store(server.options());
  redis::Connection observer(server.options());
  const auto connections = [&] {
    const auto reply = observer.command({"INFO", "stats"});
    const std::string text(reply->str, reply->len);
    const std::string field = "total_connections_received:";
    return std::stoul(text.substr(text.find(field) + field.size()));
  };
  const auto before = connections();
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&store, &wrong, i] {
        const std::string key = fmt::format("k{}", i);
        for (int round = 0; round < 20; ++round) {
          const std::string value(100'000 + round, static_cast<char>('a' + i));
          store.set(key, bytes_of(value));
          wrong += text_of(*store.get(key)) != value || store.size(key) != Bytes{value.size()};
        }
      });
    }
  }
  CHECK(wrong == 0);
  CHECK(connections() - before <= kThreads);
  const auto after = connections();
  for (int i = 0; i < kThreads; ++i) {
    CHECK(store.remove(fmt::format("k{}", i)));
  }
  CHECK(connections() == after);
}

TEST_CASE("a call that waits for Redis is cancelled when a stop is requested") {
  const RedisServer server;
  RedisOptions options = server.options();
  options.timeout = std::chrono::hours(1);
  RedisStore store(options);
  store.set("k", bytes_of("v"));
  server.freeze();
  std::stop_source source;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    source.request_stop();
  });
  CHECK(kind_of([&] { store.get("k", source.get_token()); }) == ErrorKind::cancelled);
  CHECK(kind_of([&] { store.set("k", {}, {}, source.get_token()); }) == ErrorKind::cancelled);
  server.thaw();
  CHECK(text_of(*store.get("k")) == "v");
}

TEST_CASE("who has not the right password is refused") {
  const RedisServer server(
      {"--requirepass", "secret", "--user", "alice", "on", ">word", "~*", "+@all"});
  RedisOptions options = server.options();
  CHECK(kind_of([&] { RedisStore(options).ping(); }) == ErrorKind::permission);
  options.password = std::string("wrong");
  const Error wrong = error_of([&] { RedisStore(options).ping(); });
  CHECK(wrong.kind() == ErrorKind::permission);
  CHECK(std::string(wrong.what()).find("wrong\"") == std::string::npos);
  options.password = std::string("secret");
  RedisStore(options).ping();
  options.username = std::string("alice");
  CHECK(kind_of([&] { RedisStore(options).ping(); }) == ErrorKind::permission);
  options.password = std::string("word");
  RedisStore(options).ping();
}

TEST_CASE("a server that is out of memory is an error of its own, and keeps answering") {
  const RedisServer server({"--maxmemory", "2mb"});
  RedisStore store(server.options());
  const std::vector<std::byte> value(1 << 20);
  const Error error = error_of([&] {
    for (int i = 0; i < 4; ++i) {
      store.set(fmt::format("k{}", i), value);
    }
  });
  CHECK(error.kind() == ErrorKind::no_space);
  store.ping();
}

TEST_CASE("a database of its own is another store") {
  const RedisServer server;
  RedisOptions options = server.options();
  RedisStore first(options);
  options.database = 3;
  RedisStore second(options);
  second.set("k", bytes_of("v"));
  CHECK_FALSE(first.get("k"));
  options.database = 99;
  CHECK(kind_of([&] { RedisStore(options).ping(); }) == ErrorKind::io);
}

}  // namespace
}  // namespace faasnap
