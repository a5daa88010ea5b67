// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <faasnap/directory_store.h>
#include <faasnap/object_store_server.h>

#include "base/files/fd.h"
#include "store/resp_parser.h"
#include "store/server_fixture.h"
#include "support/support.h"

namespace faasnap {
namespace {

using std::chrono::milliseconds;
using test::bytes_of;
using test::command;
using test::error_of;
using test::kPatience;
using test::read_bytes;
using test::read_to_end;
using test::reply_to;
using test::ScratchDirectory;
using test::Server;
using test::text_of;

// Returns the server's answer to raw bytes, until it closes the connection.
std::string reply_to_raw(std::string_view bytes) {
  Server server;
  GuestStream client = server.connect();
  try {
    client.write(bytes_of(bytes), kPatience);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::guest);  // it closed before it had read all
  }
  return read_to_end(client);
}

bool is_protocol_error(const std::string& reply) {
  return reply.starts_with("-ERR Protocol error: ") && reply.ends_with("\r\n");
}

TEST_CASE("the data commands do what Redis does") {
  Server server;
  CHECK(reply_to(server, {"GET", "k"}) == "$-1\r\n");
  CHECK(reply_to(server, {"SET", "k", "value"}) == "+OK\r\n");
  CHECK(reply_to(server, {"get", "k"}) == "$5\r\nvalue\r\n");
  CHECK(reply_to(server, {"STRLEN", "k"}) == ":5\r\n");
  CHECK(reply_to(server, {"STRLEN", "absent"}) == ":0\r\n");
  CHECK(reply_to(server, {"EXISTS", "k", "absent", "k"}) == ":2\r\n");
  CHECK(reply_to(server, {"DEL", "k", "absent"}) == ":1\r\n");
  CHECK(reply_to(server, {"EXISTS", "k"}) == ":0\r\n");
}

TEST_CASE("what is set through the server is in the store, and the other way round") {
  Server server;
  const std::string key("a key\0with / anything\r\n", 23);
  reply_to(server, {"SET", key, "v"});
  CHECK(text_of(*server.store->get(key)) == "v");
  server.store->set("k", bytes_of("\r\n$-1\r\n"));
  CHECK(reply_to(server, {"GET", "k"}) == "$7\r\n\r\n$-1\r\n\r\n");
}

TEST_CASE("what clients send on connecting is answered") {
  Server server;
  CHECK(reply_to(server, {"PING"}) == "+PONG\r\n");
  CHECK(reply_to(server, {"PING", "hi"}) == "$2\r\nhi\r\n");
  CHECK(reply_to(server, {"ECHO", "hi"}) == "$2\r\nhi\r\n");
  CHECK(reply_to(server, {"HELLO", "3"}) == "-ERR unknown command 'HELLO'\r\n");
  CHECK(reply_to(server, {"CLIENT", "SETINFO", "LIB-NAME", "x"}) == "+OK\r\n");
  CHECK(reply_to(server, {"CLIENT", "SETNAME", "x"}) == "+OK\r\n");
  CHECK(reply_to(server, {"SELECT", "0"}) == "+OK\r\n");
  CHECK(reply_to(server, {"SELECT", "1"}) == "-ERR DB index is out of range\r\n");
  CHECK(reply_to(server, {"COMMAND", "DOCS"}) == "*0\r\n");
  CHECK(reply_to(server, {"INFO"}).find("server_name:faasnap") != std::string::npos);
}

TEST_CASE("QUIT is answered and ends the connection, later requests are not run") {
  Server server;
  GuestStream client = server.connect();
  client.write(bytes_of(command({"QUIT"}) + command({"PING"})));
  CHECK(read_to_end(client) == "+OK\r\n");
}

TEST_CASE("a wrong command, count of arguments or key leaves the connection usable") {
  Server server;
  GuestStream client = server.connect();
  client.write(bytes_of(command({"FLUSH\r\nALL"}) + command({"SET", "k"}) + command({"GET", ""}) +
                        command({"SET", "k", "v", "EX", "10"}) + command({"PING"})));
  client.shutdown_write();
  CHECK(read_to_end(client) ==
        "-ERR unknown command 'FLUSH??ALL'\r\n"
        "-ERR wrong number of arguments for 'SET' command\r\n"
        "-ERR GET failed: invalid_argument\r\n"
        "-ERR wrong number of arguments for 'SET' command\r\n"
        "+PONG\r\n");
}

TEST_CASE("a failure of the store tells the guest its kind, and no path of the host") {
  Server server;
  std::filesystem::create_directory(server.scratch.path() / "store" / "k");
  CHECK(reply_to(server, {"GET", "k"}) == "-ERR GET failed: invalid_argument\r\n");
}

TEST_CASE("requests sent together are answered in order") {
  Server server;
  GuestStream client = server.connect();
  std::string requests;
  std::string replies;
  for (int i = 0; i < 2000; ++i) {
    const std::string number = std::to_string(i);
    requests += command({"ECHO", number});
    replies += fmt::format("${}\r\n{}\r\n", number.size(), number);
  }
  std::thread writer([&] { client.write(bytes_of(requests)); });
  const std::string got = read_bytes(client, replies.size());
  writer.join();
  CHECK(got == replies);
}

TEST_CASE("a request that arrives byte by byte is the same request") {
  Server server;
  GuestStream client = server.connect();
  for (const char byte : command({"SET", "k", "v"}) + "*0\r\n" + command({"GET", "k"})) {
    client.write(bytes_of({&byte, 1}));
  }
  CHECK(read_bytes(client, 12) == "+OK\r\n$1\r\nv\r\n");
}

TEST_CASE("values of many megabytes pass in both directions") {
  Server server;
  std::string value;
  value.reserve(24 << 20);
  for (std::size_t i = 0; value.size() < 24 << 20; ++i) {
    value += static_cast<char>(i ^ (i >> 11));
  }
  GuestStream client = server.connect();
  client.write(bytes_of(command({"SET", "big", value}) + "*2"), kPatience);
  CHECK(read_bytes(client, 5) == "+OK\r\n");
  client.write(bytes_of(command({"GET", "big"}).substr(2)));
  const std::string header = fmt::format("${}\r\n", value.size());
  CHECK(read_bytes(client, header.size()) == header);
  CHECK(read_bytes(client, value.size()) == value);
  client.write(bytes_of(command({"PING"})));
  CHECK(read_bytes(client, 9) == "\r\n+PONG\r\n");
}

TEST_CASE("hiredis, over the Unix socket, is an ordinary client") {
  Server server;
  const auto socket = server.scratch.path() / "socket";
  server.server.listen(socket);
  std::unique_ptr<redisContext, void (*)(redisContext*)> client(redisConnectUnix(socket.c_str()),
                                                                redisFree);
  REQUIRE(client->err == 0);
  const auto run = [&](auto... arguments) {
    return std::unique_ptr<redisReply, void (*)(void*)>(
        static_cast<redisReply*>(redisCommand(client.get(), arguments...)), freeReplyObject);
  };
  const std::string value("\0binary\r\n", 9);
  CHECK(run("SET %s %b", "key", value.data(), value.size())->type == REDIS_REPLY_STATUS);
  const auto got = run("GET key");
  CHECK(std::string(got->str, got->len) == value);
  CHECK(run("DEL key")->integer == 1);
  CHECK(run("GET key")->type == REDIS_REPLY_NIL);
}

// Hostile clients.

TEST_CASE("bytes that are no request get a protocol error and the connection ends") {
  CHECK(is_protocol_error(reply_to_raw("PING\r\n")));
  CHECK(is_protocol_error(reply_to_raw("GET / HTTP/1.1\r\n\r\n")));
  CHECK(is_protocol_error(reply_to_raw("\r\n")));
  CHECK(is_protocol_error(reply_to_raw("+OK\r\n")));
  CHECK(is_protocol_error(reply_to_raw(":1\r\n")));
  CHECK(is_protocol_error(reply_to_raw("$4\r\nPING\r\n")));
  CHECK(is_protocol_error(reply_to_raw("$-1\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*-1\r\n")));
}

TEST_CASE("arrays of anything but bulk strings get a protocol error") {
  CHECK(is_protocol_error(reply_to_raw("*1\r\n+PING\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n-PING\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n:1\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n$-1\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n*1\r\n$4\r\nPING\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n#t\r\n")));
}

TEST_CASE("counts and lengths that are negative, huge or no numbers get a protocol error") {
  CHECK(is_protocol_error(reply_to_raw("*1000000000\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1025\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*99999999999999999999\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*-5\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n$-2\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n$536870913\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n$9223372036854775807\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n$18446744073709551615\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n$99999999999999999999999\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n$12x\r\n")));
}

TEST_CASE("lines without end get a protocol error, not memory") {
  CHECK(is_protocol_error(reply_to_raw("*" + std::string(100'000, '1'))));
  CHECK(is_protocol_error(reply_to_raw("+" + std::string(100'000, 'x'))));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n$" + std::string(100'000, '1'))));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n-" + std::string(100'000, 'x'))));
}

TEST_CASE("a large argument that is not the last is refused when its length is declared") {
  CHECK(is_protocol_error(reply_to_raw("*3\r\n$3\r\nSET\r\n$2097152\r\n")));
  CHECK(is_protocol_error(reply_to_raw("*1\r\n$2097152\r\n")));
}

TEST_CASE("many arguments that add up to more than 64 KiB are refused") {
  std::string request = "*40\r\n";
  for (int i = 0; i < 14; ++i) {
    request += "$5000\r\n" + std::string(5'000, 'x') + "\r\n";
  }
  CHECK(is_protocol_error(reply_to_raw(request)));
}

TEST_CASE("an argument that no command holds is refused, skipped, and leaves the rest usable") {
  Server server;
  const std::string large(5 << 20, 'x');
  GuestStream client = server.connect();
  std::thread writer([&] {
    client.write(bytes_of(command({"ECHO", large}) + command({"SET", "k", "v", large}) +
                          command({"GET", large}) + command({"PING"})),
                 kPatience);
  });
  const std::string expected =
      "-ERR argument of 'ECHO' command is too large\r\n"
      "-ERR wrong number of arguments for 'SET' command\r\n"
      "-ERR argument of 'GET' command is too large\r\n"
      "+PONG\r\n";
  CHECK(read_bytes(client, expected.size()) == expected);
  writer.join();
}

TEST_CASE("a client that leaves in the middle of a request or a reply disturbs nobody") {
  Server server;
  server.store->set("big", std::vector<std::byte>(8 << 20));
  for (const std::string& bytes : {std::string("*2\r\n$3\r\nGE"), command({"GET", "big"}),
                                   std::string("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\nx")}) {
    GuestStream client = server.connect();
    client.write(bytes_of(bytes));
  }
  CHECK(reply_to(server, {"PING"}) == "+PONG\r\n");
}

TEST_CASE("the server ends while clients are idle, in the middle of a request, and not reading") {
  auto server = std::make_unique<Server>();
  server->store->set("big", std::vector<std::byte>(8 << 20));
  GuestStream idle = server->connect();
  GuestStream partial = server->connect();
  partial.write(bytes_of("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$400000000\r\nabc"));
  GuestStream waiting = server->connect();  // for the key that `partial` changes
  waiting.write(bytes_of(command({"DEL", "k"})));
  GuestStream deaf = server->connect();
  deaf.write(bytes_of(command({"GET", "big"})));
  std::this_thread::sleep_for(milliseconds(50));
  server.reset();
  CHECK(read_to_end(idle).empty());
}

TEST_CASE(
    "the connection after a guest's last one is refused, others come in, and so does the next when "
    "one leaves") {
  Server server({.connections = 4});
  std::vector<GuestStream> clients;
  for (unsigned i = 0; i < 4; ++i) {
    clients.push_back(server.connect());
  }
  GuestStream refused = server.connect();
  CHECK(read_to_end(refused) == "-ERR max number of clients reached\r\n");
  CHECK(server.account.use().connections == 4);
  CHECK(server.account.use().refused_connections == 1);
  GuestStream other = server.connect(StoreAccount());
  other.write(bytes_of(command({"QUIT"})));
  CHECK(read_to_end(other) == "+OK\r\n");
  clients.back().write(bytes_of(command({"QUIT"})));
  CHECK(read_to_end(clients.back()) == "+OK\r\n");
  CHECK(reply_to(server, {"PING"}) == "+PONG\r\n");
}

// Stores of other kinds.

// A store whose read() is the test's.
class FakeStore final : public ObjectStore {
 public:
  using Read = std::function<bool(const ValueSink&, const std::stop_token&)>;
  explicit FakeStore(Read read) : read_(std::move(read)) {}

  bool read(std::string_view, const ValueSink& sink, const std::stop_token& stop) const override {
    return read_(sink, stop);
  }
  void write(std::string_view, Bytes, const ValueSource&, const std::stop_token&) override {}
  bool remove(std::string_view, const std::stop_token&) override { return false; }
  std::optional<Bytes> size(std::string_view, const std::stop_token&) const override { return {}; }
  std::vector<ObjectInfo> list(std::string_view, const std::stop_token&) const override {
    return {};
  }

 private:
  Read read_;
};

struct FakeServer {
  explicit FakeServer(FakeStore::Read read) : server(std::make_shared<FakeStore>(std::move(read))) {
    auto [near, far] = base::make_stream_pair();
    server.serve(GuestStream(far.release()), account);
    client.emplace(near.release());
  }
  StoreAccount account;
  ObjectStoreServer server;
  std::optional<GuestStream> client;
};

TEST_CASE("a store that fails before a value is sent is an error, and later the end") {
  const std::vector<std::byte> piece(100'000);
  const auto fail_after = [&](Bytes total) {
    return [&piece, total](const ValueSink& sink, const std::stop_token&) -> bool {
      sink(std::span(piece).first(std::min(piece.size(), total.value) / 2), total);
      throw Error(ErrorKind::io, "read", "a path of the host", "failed");
    };
  };
  FakeServer small(fail_after(Bytes{1000}));
  small.client->write(bytes_of(command({"GET", "k"}) + command({"PING"})));
  small.client->shutdown_write();
  CHECK(read_to_end(*small.client) == "-ERR GET failed: io\r\n+PONG\r\n");
  FakeServer large(fail_after(Bytes{1'000'000}));
  large.client->write(bytes_of(command({"GET", "k"}) + command({"PING"})));
  const std::string header = "$1000000\r\n";
  CHECK(read_to_end(*large.client).size() == header.size() + 50'000);
}

TEST_CASE("the server ends while its store keeps a client waiting") {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool waiting = false;
  bool stopped = false;
  {
    FakeServer fake([&](const ValueSink&, const std::stop_token& stop) {
      std::unique_lock lock(mutex);
      waiting = true;
      changed.notify_all();
      changed.wait(lock, stop, [] { return false; });
      stopped = stop.stop_requested();
      return false;
    });
    fake.client->write(bytes_of(command({"GET", "k"})));
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting; });
  }
  CHECK(stopped);
}

// The Unix socket.

TEST_CASE("the socket is for its owner only, and removed with the server") {
  const ScratchDirectory scratch;
  const auto socket = scratch.path() / "socket";
  {
    ObjectStoreServer server{std::make_shared<DirectoryStore>(scratch.path() / "store")};
    server.listen(socket);
    struct stat status {};
    REQUIRE(::stat(socket.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  CHECK_FALSE(std::filesystem::exists(socket));
}

TEST_CASE("a path that exists is not taken over") {
  const ScratchDirectory scratch;
  std::ofstream(scratch.path() / "file") << "keep";
  ObjectStoreServer server{std::make_shared<DirectoryStore>(scratch.path() / "store")};
  CHECK(error_of([&] { server.listen(scratch.path() / "file"); }).kind() ==
        ErrorKind::already_exists);
  CHECK(std::filesystem::file_size(scratch.path() / "file") == 4);
}

TEST_CASE("a socket path that is too long, empty or below nothing is refused") {
  const ScratchDirectory scratch;
  ObjectStoreServer server{std::make_shared<DirectoryStore>(scratch.path() / "store")};
  CHECK(error_of([&] { server.listen(scratch.path() / std::string(120, 's')); }).kind() ==
        ErrorKind::invalid_argument);
  CHECK(error_of([&] { server.listen(""); }).kind() == ErrorKind::invalid_argument);
  CHECK(error_of([&] { server.listen(scratch.path() / "none" / "s"); }).kind() ==
        ErrorKind::not_found);
}

TEST_CASE("a request whose last argument is large is returned before that has come") {
  store::RespParser parser;
  parser.feed(bytes_of("*2\r\n$3\r\nSET\r\n$5000000\r\nabc"));
  const auto request = parser.next();
  REQUIRE(request.has_value());
  CHECK(request->arguments == std::vector<std::string>{"SET"});
  CHECK(request->value == Bytes{5'000'000});
  std::array<std::byte, 8> piece;
  CHECK(parser.take_value(piece) == 3);
  CHECK(parser.take_value(piece) == 0);
  CHECK_FALSE(parser.idle());
}

}  // namespace
}  // namespace faasnap
