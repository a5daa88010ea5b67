// SPDX-License-Identifier: Apache-2.0

#include "virtio/vsock/hybrid_socket.h"

#include <faasnap/error.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "virtio/vsock/hybrid_path.h"
#include "virtio/vsock/socket_rig.h"

namespace faasnap::virtio::test {
namespace {

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "hybrid-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

base::UniqueFd connect_to(const std::filesystem::path& path) {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(path);
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  return fd;
}

base::UniqueFd listen_at(const std::filesystem::path& path) {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(path);
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::listen(fd.get(), 8) == 0);
  return fd;
}

// A guest reachable through a socket in a directory of its own.
struct Rig : FakeGuest {
  Rig() {
    start();
    driver.on_loop([this] {
      device->serve(path.take_listener(),
                    [this](std::uint32_t port, const VsockDevice::Accept& answer) {
                      answer(path.connect(port));
                    });
    });
  }
  Directory directory;
  std::filesystem::path socket = directory.path / "vsock";
  HybridPath path{socket};
};

// A guest whose connections to the host wait until a test answers.
struct WaitingRig : FakeGuest {
  WaitingRig() {
    start();
    driver.on_loop([this] {
      device->serve(path.take_listener(), [this](std::uint32_t port, VsockDevice::Accept answer) {
        ports.push_back(port);
        answers.push_back(std::move(answer));
      });
    });
  }
  bool asked() {
    bool some = false;
    driver.on_loop([&] { some = !answers.empty(); });
    return some;
  }
  // Answers the first that waits; with a stream, if it is one.
  void answer(base::UniqueFd stream) {
    REQUIRE(wait_until([this] { return asked(); }));
    driver.on_loop([&] {
      const auto first = std::move(answers.front());
      answers.erase(answers.begin());
      first(std::move(stream));
    });
  }
  Directory directory;
  HybridPath path{directory.path / "vsock"};
  std::vector<std::uint32_t> ports;  // of the loop's thread, as the answers are
  std::vector<VsockDevice::Accept> answers;
};

std::string read_line(const base::UniqueFd& fd) {
  std::string line;
  while (line.empty() || line.back() != '\n') {
    line += text_of(read_exactly(fd, 1));
  }
  return line;
}

}  // namespace

TEST_CASE("A client connects through the Unix socket and talks with the guest") {
  Rig rig;
  const base::UniqueFd client = connect_to(rig.socket);
  write_all(client, bytes_of("CONNECT 8080\n"));
  const std::uint32_t host_port = rig.accept(kGuestPort);
  CHECK(read_line(client) == "OK " + std::to_string(host_port) + "\n");
  write_all(client, bytes_of("request"));
  CHECK(text_of(rig.next().data) == "request");
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("reply"));
  CHECK(text_of(read_exactly(client, 5)) == "reply");
}

TEST_CASE("The greeting does not count against the guest's flow control") {
  Rig rig;
  const base::UniqueFd client = connect_to(rig.socket);
  write_all(client, bytes_of("CONNECT 8080\n"));
  const PacketHeader request = rig.next().header;
  CHECK(request.forwarded == 0);
  rig.send(rig.packet(Op::response, request.source_port, kGuestPort));
  read_line(client);
  rig.send(rig.packet(Op::credit_request, request.source_port, kGuestPort));
  CHECK(rig.expect(Op::credit_update, request.source_port, kGuestPort).forwarded == 0);
}

TEST_CASE("The command may come in pieces, and with the request right behind it") {
  Rig rig;
  const base::UniqueFd client = connect_to(rig.socket);
  write_all(client, bytes_of("CONN"));
  CHECK(rig.quiet());
  write_all(client, bytes_of("ECT 80"));
  CHECK(rig.quiet());
  write_all(client, bytes_of("80\nGET /"));
  rig.accept(kGuestPort);
  CHECK(text_of(rig.next().data) == "GET /");
}

TEST_CASE("A command that is none closes the connection") {
  Rig rig;
  for (const char* text :
       {"HELLO\n", "CONNECT \n", "CONNECT x\n", "CONNECT 80 80\n", "CONNECT 4294967296\n",
        "CONNECT -1\n", "\n", "CONNECT 00000000000000000000000000000080\n"}) {
    const base::UniqueFd client = connect_to(rig.socket);
    write_all(client, bytes_of(text));
    CHECK(reaches_end(client));
  }
  CHECK(rig.quiet());
}

TEST_CASE("A client that leaves before it has finished its command is forgotten") {
  Rig rig;
  for (unsigned i = 0; i < 3 * HybridSocket::kMaximumPending; ++i) {
    const base::UniqueFd client = connect_to(rig.socket);
    write_all(client, bytes_of("CONN"));
  }
  const base::UniqueFd client = connect_to(rig.socket);
  write_all(client, bytes_of("CONNECT 8080\n"));
  rig.accept(kGuestPort);
  CHECK(read_line(client).starts_with("OK "));
}

TEST_CASE("Of too many clients that say nothing the oldest has to go") {
  Rig rig;
  std::vector<base::UniqueFd> silent;
  for (unsigned i = 0; i < HybridSocket::kMaximumPending + 1; ++i) {
    silent.push_back(connect_to(rig.socket));
  }
  CHECK(reaches_end(silent.front()));
  write_all(silent.back(), bytes_of("CONNECT 8080\n"));
  rig.accept(kGuestPort);
  CHECK(read_line(silent.back()).starts_with("OK "));
}

TEST_CASE("A guest that refuses closes the client's connection without a greeting") {
  Rig rig;
  const base::UniqueFd client = connect_to(rig.socket);
  write_all(client, bytes_of("CONNECT 8080\n"));
  const PacketHeader request = rig.next().header;
  rig.send(rig.packet(Op::reset, request.source_port, kGuestPort));
  CHECK(reaches_end(client));
}

TEST_CASE("The guest connects to the socket with the port in its name") {
  Rig rig;
  const base::UniqueFd listener = listen_at(rig.socket.string() + "_6379");
  rig.send(rig.packet(Op::request, 6379, 1000));
  rig.expect(Op::response, 6379, 1000);
  const base::UniqueFd server(::accept(listener.get(), nullptr, nullptr));
  REQUIRE(server);
  rig.send(rig.packet(Op::data, 6379, 1000), bytes_of("PING"));
  CHECK(text_of(read_exactly(server, 4)) == "PING");
  write_all(server, bytes_of("PONG"));
  CHECK(text_of(rig.next().data) == "PONG");
}

TEST_CASE("Without a socket of that name the guest is refused") {
  Rig rig;
  rig.send(rig.packet(Op::request, 6380, 1000));
  rig.expect(Op::reset, 6380, 1000);
}

TEST_CASE("A listener in the process goes before a socket of that name") {
  Rig rig;
  const base::UniqueFd listener = listen_at(rig.socket.string() + "_6379");
  std::atomic<unsigned> accepted{0};
  rig.driver.on_loop([&] { rig.device->listen(6379, [&](base::UniqueFd) { ++accepted; }); });
  rig.send(rig.packet(Op::request, 6379, 1000));
  rig.expect(Op::response, 6379, 1000);
  CHECK(wait_until([&] { return accepted == 1; }));
}

TEST_CASE("The guest's connection waits for an answer that comes later") {
  WaitingRig rig;
  rig.send(rig.packet(Op::request, 6379, 1000));
  CHECK(rig.quiet());
  auto [ours, theirs] = base::make_stream_pair();
  base::set_non_blocking(theirs);
  rig.answer(std::move(theirs));
  rig.expect(Op::response, 6379, 1000);
  rig.send(rig.packet(Op::data, 6379, 1000), bytes_of("PING"));
  CHECK(text_of(read_exactly(ours, 4)) == "PING");
  rig.driver.on_loop([&] { CHECK(rig.ports == std::vector<std::uint32_t>{6379}); });
}

TEST_CASE("An answer that nothing listens refuses the guest's connection") {
  WaitingRig rig;
  rig.send(rig.packet(Op::request, 6379, 1000));
  rig.answer({});
  rig.expect(Op::reset, 6379, 1000);
}

TEST_CASE("An answer for a guest that has given up closes the stream and tells the guest nothing") {
  WaitingRig rig;
  rig.send(rig.packet(Op::request, 6379, 1000));
  rig.send(rig.packet(Op::reset, 6379, 1000));
  CHECK(rig.quiet());
  auto [ours, theirs] = base::make_stream_pair();
  base::set_non_blocking(theirs);
  rig.answer(std::move(theirs));
  CHECK(reaches_end(ours));
  CHECK(rig.quiet());
  rig.driver.on_loop([&] { CHECK(rig.device->connections() == 0); });
}

TEST_CASE("A guest that sends before the answer has come is refused") {
  WaitingRig rig;
  rig.send(rig.packet(Op::request, 6379, 1000));
  rig.send(rig.packet(Op::data, 6379, 1000), bytes_of("PING"));
  rig.expect(Op::reset, 6379, 1000);
  auto [ours, theirs] = base::make_stream_pair();
  base::set_non_blocking(theirs);
  rig.answer(std::move(theirs));
  CHECK(reaches_end(ours));
  CHECK(rig.quiet());
}

TEST_CASE("Connections that wait for an answer count among those that are allowed") {
  WaitingRig rig;
  rig.send(rig.packet(Op::request, 6379, 1000));
  REQUIRE(wait_until([&] { return rig.asked(); }));
  rig.driver.on_loop([&] { CHECK(rig.device->connections() == 1); });
  rig.answer({});
  rig.driver.on_loop([&] { CHECK(rig.device->connections() == 0); });
}

TEST_CASE("The socket's file goes with the object that made it") {
  Directory directory;
  const auto path = directory.path / "vsock";
  {
    const HybridPath socket(path);
    CHECK(std::filesystem::is_socket(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("A path that exists is refused and left alone") {
  Directory directory;
  const auto path = directory.path / "vsock";
  const base::UniqueFd other = listen_at(path);
  try {
    const HybridPath socket(path);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::already_exists);
    CHECK(error.path() == path.string());
  }
  CHECK(std::filesystem::is_socket(path));
}

TEST_CASE("A path too long for a socket is refused with the limit") {
  try {
    const HybridPath socket(std::string(200, 'x'));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK(std::string(error.what()).find("at most 107") != std::string::npos);
  }
}

TEST_CASE("Nobody but the user may connect to the socket, whatever the umask") {
  const mode_t before = ::umask(0);
  {
    const Rig rig;
    struct stat status {};
    CHECK(::stat(rig.socket.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  ::umask(before);
}

TEST_CASE("A client that comes while there is no descriptor is accepted when there is one") {
  Rig rig;
  base::UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  // The next descriptor that the process may not have.
  const int next = ::dup(client.get());
  ::close(next);
  const rlimit none{static_cast<rlim_t>(next), limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto address = address_of(rig.socket);
  const int connected =
      ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // Long enough for the loop to try, and to fail.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  rig.driver.on_loop([] {});
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  REQUIRE(connected == 0);
  write_all(client, bytes_of("CONNECT 8080\n"));
  rig.accept(kGuestPort);
}

}  // namespace faasnap::virtio::test
