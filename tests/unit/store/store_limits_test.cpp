// SPDX-License-Identifier: Apache-2.0

// Guests that do their worst, each within its StoreLimits.

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include <faasnap/object_store_server.h>

#include "base/clock.h"
#include "store/server_fixture.h"

namespace faasnap {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::bytes_of;
using test::command;
using test::kPatience;
using test::read_bytes;
using test::read_to_end;
using test::reply_to;
using test::Server;
using test::text_of;

constexpr const char* kNoSpace = "-ERR SET failed: no_space\r\n";

// The beginning of a SET whose value has this many bytes.
std::string begin_set(std::string_view key, std::size_t size) {
  return fmt::format("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n${}\r\n", key.size(), key, size);
}

// Returns the whole reply to one command of a guest.
std::string ask(Server& server, const StoreAccount& guest,
                std::initializer_list<std::string_view> words) {
  GuestStream client = server.connect(guest);
  client.write(bytes_of(command(words)), kPatience);
  client.shutdown_write();
  return read_to_end(client);
}

// Waits until the server has closed the connection, whatever it still sends.
void wait_closed(GuestStream& client) {
  std::array<std::byte, 65536> buffer;
  while (client.read(buffer, kPatience) != 0) {
  }
}

// What a guest sees and may change.

TEST_CASE("guests with different prefixes do not see each other's objects, nor their prefix") {
  Server server;
  const StoreAccount a({.prefix = "a/"});
  const StoreAccount b({.prefix = "b/"});
  CHECK(ask(server, a, {"SET", "k", "1"}) == "+OK\r\n");
  CHECK(ask(server, b, {"GET", "k"}) == "$-1\r\n");
  CHECK(ask(server, b, {"DEL", "k", "../a/k", "a/k"}) == ":0\r\n");
  CHECK(ask(server, b, {"EXISTS", "k"}) == ":0\r\n");
  CHECK(ask(server, b, {"STRLEN", "k"}) == ":0\r\n");
  CHECK(ask(server, a, {"GET", "k"}) == "$1\r\n1\r\n");
  CHECK(text_of(*server.store->get("a/k")) == "1");
  CHECK(ask(server, a, {"GET", ""}) == "-ERR GET failed: invalid_argument\r\n");
  CHECK(ask(server, a, {"SET", std::string(511, 'k'), "1"}) ==
        "-ERR SET failed: invalid_argument\r\n");
}

TEST_CASE("a guest that may only read changes nothing, and goes on reading") {
  Server server({.read_only = true});
  server.store->set("k", bytes_of("v"));
  GuestStream client = server.connect();
  const std::string large(3 << 20, 'x');
  std::thread writer([&] {
    client.write(bytes_of(command({"SET", "k", "w"}) + command({"SET", "k", large}) +
                          command({"DEL", "k"}) + command({"GET", "k"})),
                 kPatience);
  });
  const std::string expected =
      "-ERR SET failed: permission\r\n-ERR SET failed: permission\r\n"
      "-ERR DEL failed: permission\r\n$1\r\nv\r\n";
  CHECK(read_bytes(client, expected.size()) == expected);
  writer.join();
  CHECK(server.account.use().refused_changes == 3);
}

// How much it may store.

TEST_CASE("a guest's connections together store no more than it may, and removing makes room") {
  Server server({.stored = {1000}});
  CHECK(reply_to(server, {"SET", "a", std::string(600, 'a')}) == "+OK\r\n");
  CHECK(reply_to(server, {"SET", "b", std::string(401, 'b')}) == kNoSpace);
  CHECK(reply_to(server, {"SET", "b", std::string(400, 'b')}) == "+OK\r\n");
  CHECK(server.account.use().stored == Bytes{1000});
  CHECK(server.account.use().objects == 2);
  CHECK(reply_to(server, {"DEL", "a"}) == ":1\r\n");
  CHECK(server.account.use().stored == Bytes{400});
  // The old value and the new one take room at the same time, but not for long.
  CHECK(reply_to(server, {"SET", "b", std::string(601, 'b')}) == kNoSpace);
  CHECK(reply_to(server, {"SET", "b", std::string(600, 'b')}) == "+OK\r\n");
  CHECK(server.account.use().stored == Bytes{600});
  // Another guest has its own.
  CHECK(ask(server, StoreAccount({.stored = {1000}}), {"SET", "c", std::string(900, 'c')}) ==
        "+OK\r\n");
}

TEST_CASE("a value too large is refused by its length, and the connection goes on") {
  Server server({.stored = 1_MiB});
  GuestStream client = server.connect();
  client.write(bytes_of(begin_set("k", (1 << 20) + 1)));
  const std::string refusal = kNoSpace;
  CHECK(read_bytes(client, refusal.size()) == refusal);
  client.write(bytes_of(std::string((1 << 20) + 1, 'v') + "\r\n"), kPatience);
  client.write(bytes_of(command({"SET", "k", std::string(1 << 20, 'v')})), kPatience);
  CHECK(read_bytes(client, 5) == "+OK\r\n");
}

TEST_CASE("a guest stores no more objects than it may") {
  Server server({.objects = 2});
  CHECK(reply_to(server, {"SET", "a", "1"}) == "+OK\r\n");
  CHECK(reply_to(server, {"SET", "b", ""}) == "+OK\r\n");
  CHECK(reply_to(server, {"SET", "c", "1"}) == kNoSpace);
  CHECK(reply_to(server, {"SET", "a", "2"}) == "+OK\r\n");
  CHECK(reply_to(server, {"DEL", "b"}) == ":1\r\n");
  CHECK(reply_to(server, {"SET", "c", "1"}) == "+OK\r\n");
}

TEST_CASE("a value that does not come whole takes no room afterwards") {
  Server server({.stored = 1_MiB});
  {
    GuestStream client = server.connect();
    client.write(bytes_of(begin_set("k", 1 << 20) + "the beginning"));
    client.shutdown_write();
    wait_closed(client);
  }
  CHECK(server.account.use().stored == Bytes{0});
  CHECK(reply_to(server, {"EXISTS", "k"}) == ":0\r\n");
  CHECK(reply_to(server, {"SET", "k", std::string(1 << 20, 'v')}) == "+OK\r\n");
}

TEST_CASE("changes of one key come one after the other, so that its size is counted right") {
  Server server;
  GuestStream slow = server.connect();
  slow.write(bytes_of(begin_set("k", 200'000) + std::string(100'000, 'v')));
  while (server.account.use().stored == Bytes{0}) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  GuestStream fast = server.connect();
  fast.write(bytes_of(command({"SET", "k", "w"})));
  slow.write(bytes_of(std::string(100'000, 'v') + "\r\n"), kPatience);
  CHECK(read_bytes(slow, 5) == "+OK\r\n");
  CHECK(read_bytes(fast, 5) == "+OK\r\n");
  CHECK(server.store->size("k") == Bytes{1});
  CHECK(server.account.use().stored == Bytes{1});
}

// How long it may keep the server waiting.

TEST_CASE("a guest that does not read its reply is given up") {
  Server server({.stall = milliseconds(200)});
  server.store->set("big", std::vector<std::byte>(8 << 20));
  GuestStream deaf = server.connect();
  deaf.write(bytes_of(command({"GET", "big"})));
  while (server.account.use().closed_connections == 0) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  std::array<std::byte, 65536> buffer;
  std::size_t got = 0;
  for (std::size_t more = 1; more != 0; got += more) {
    more = deaf.read(buffer, kPatience);
  }
  CHECK(got < 8 << 20);
}

TEST_CASE("a guest that begins a request and does not go on is given up") {
  Server server({.stall = milliseconds(200)});
  for (const std::string& begun : {std::string("*1\r\n$4\r\nPI"), begin_set("k", 1 << 20) + "v"}) {
    GuestStream client = server.connect();
    client.write(bytes_of(begun));
    wait_closed(client);
  }
  CHECK(server.account.use().closed_connections == 2);
}

TEST_CASE("a guest that trickles below the least rate is given up, never silent for long") {
  Server server({.stall = milliseconds(300), .least_rate = 1_GiB});
  GuestStream client = server.connect();
  client.write(bytes_of(begin_set("k", 512 << 20)));
  const auto trickle = [&] {
    for (;;) {
      client.write(bytes_of("v"), kPatience);
      std::this_thread::sleep_for(milliseconds(20));
    }
  };
  CHECK(test::error_of(trickle).kind() == ErrorKind::guest);
  CHECK(server.account.use().closed_connections == 1);
}

TEST_CASE("a guest that is slow but above the least rate is served, however long it takes") {
  Server server({.stall = seconds(3), .least_rate = {1}});
  GuestStream client = server.connect();
  for (const char byte : command({"SET", "k", "v"}).substr(0, 16)) {
    std::this_thread::sleep_for(milliseconds(250));
    client.write(bytes_of({&byte, 1}));
  }
  client.write(bytes_of(command({"SET", "k", "v"}).substr(16)));
  CHECK(read_bytes(client, 5) == "+OK\r\n");
}

TEST_CASE("a connection that is idle for too long is closed, and not while it is used") {
  Server server({.stall = seconds(20), .idle = milliseconds(200)});
  GuestStream client = server.connect();
  client.write(bytes_of("*1\r\n$4\r\nPI"));
  std::this_thread::sleep_for(milliseconds(400));
  client.write(bytes_of("NG\r\n"));
  CHECK(read_to_end(client) == "+PONG\r\n");
}

TEST_CASE("a value that trickles holds up nobody else") {
  Server server;
  GuestStream slow = server.connect();
  slow.write(bytes_of(begin_set("slow", 512 << 20) + "v"));
  while (server.account.use().stored == Bytes{0}) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  CHECK(ask(server, StoreAccount(), {"SET", "k", std::string(2 << 20, 'v')}) == "+OK\r\n");
  CHECK(reply_to(server, {"SET", "k", std::string(2 << 20, 'v')}) == "+OK\r\n");
}

// How much it may ask for.

TEST_CASE("requests beyond the rate wait, each key of DEL among them") {
  Server server({.requests_per_second = 20});
  const Nanoseconds begun = base::monotonic_now();
  std::string requests;
  for (int i = 0; i < 4; ++i) {
    requests += command({"DEL", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"});
  }
  GuestStream client = server.connect();
  client.write(bytes_of(requests));
  CHECK(read_bytes(client, 16) == ":0\r\n:0\r\n:0\r\n:0\r\n");
  CHECK(base::monotonic_now() - begun >= milliseconds(900));
  CHECK(server.account.use().delays > 0);
}

TEST_CASE("bytes beyond the rate wait, and the server ends all the same") {
  Server server({.bytes_per_second = {1}});
  server.store->set("k", std::vector<std::byte>(1000));
  GuestStream client = server.connect();
  client.write(bytes_of(command({"GET", "k"}) + command({"GET", "k"})));
  while (server.account.use().delays == 0) {
    std::this_thread::sleep_for(milliseconds(1));
  }
}

TEST_CASE("failures beyond the rate are counted and not logged") {
  test::ScratchDirectory scratch;
  std::atomic<std::uint64_t> lines = 0;
  std::atomic<std::uint64_t> notices = 0;
  ObjectStoreServer server(
      std::make_shared<DirectoryStore>(scratch.path()), [&](LogLevel, std::string_view text) {
        ++(text.find("were dropped") != std::string_view::npos ? notices : lines);
      });
  const StoreAccount guest({.log = {.per_second = 1, .burst = 3}});
  const auto fail = [&](std::size_t times) {
    auto [near, far] = base::make_stream_pair();
    server.serve(GuestStream(far.release()), guest);
    GuestStream client(near.release());
    const std::string reply = "-ERR GET failed: invalid_argument\r\n";
    for (std::size_t i = 0; i < times; ++i) {
      client.write(bytes_of(command({"GET", ""})), kPatience);
      CHECK(read_bytes(client, reply.size()) == reply);
    }
  };
  std::uint64_t failures = 0;
  do {
    fail(100);
    failures += 100;
  } while (guest.use().dropped_log_lines == 0);
  CHECK(lines + guest.use().dropped_log_lines == failures);
  std::this_thread::sleep_for(milliseconds(1100));
  fail(1);
  CHECK(notices >= 1);
}

}  // namespace
}  // namespace faasnap
