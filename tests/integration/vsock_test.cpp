// SPDX-License-Identifier: Apache-2.0

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstring>
#include <future>
#include <string>

#include <faasnap/directory_store.h>
#include <faasnap/object_store_server.h>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

GuestStream connect_unix(const std::filesystem::path& path) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(socket >= 0);
  GuestStream stream(socket);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.string().size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.c_str(), path.string().size());
  REQUIRE(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return stream;
}

std::string read_some(GuestStream& stream) {
  std::array<std::byte, 4096> buffer;
  const std::size_t got = stream.read(buffer, kPatience);
  return {reinterpret_cast<const char*>(buffer.data()), got};
}

void write(GuestStream& stream, const std::string& text) {
  stream.write(std::as_bytes(std::span(text)), kPatience);
}

}  // namespace

TEST_CASE("other processes reach the guest's ports through the hybrid socket") {
  require_kvm();
  const auto socket =
      std::filesystem::temp_directory_path() / ("faasnap-" + std::to_string(::getpid()) + ".vsock");
  const Place place = GENERATE(Place::worker, Place::here);
  RestoreOptions options;
  options.attachments.vsock_socket = socket;
  {
    Guest guest = Guest::restore(base_snapshot(), options, place);
    guest.health();
    GuestStream stream = connect_unix(socket);
    write(stream, "CONNECT 8080\n");
    CHECK(read_some(stream).starts_with("OK "));
    write(stream, "GET /healthz HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n");
    CHECK(read_some(stream).starts_with("HTTP/1.1 200"));
  }
  CHECK_FALSE(std::filesystem::exists(socket));
}

TEST_CASE("a guest reaches what other processes serve beside its hybrid socket, and nothing else") {
  require_kvm();
  const auto socket =
      std::filesystem::temp_directory_path() / ("faasnap-" + std::to_string(::getpid()) + ".vsock");
  RestoreOptions options = restored_with(Setting::lazy, GENERATE(Place::worker, Place::here));
  options.attachments.vsock_socket = socket;
  VM vm = VM::restore(base_snapshot(), options);
  GuestChannel channel(vm);
  channel.wait_ready(kPatience);
  const std::string input = declared_input("json", 1).dump();
  // The function's object store is the socket of that port, once there is one.
  CHECK(channel.invoke("json", input, kInvocationPatience).status != 200);
  ObjectStoreServer store(std::make_shared<DirectoryStore>(images() / "inputs"));
  store.listen(socket.string() + "_" + std::to_string(kObjectStorePort));
  CHECK(channel.invoke("json", input, kInvocationPatience).status == 200);
}

TEST_CASE("a port that nobody listens on refuses, and the end of the guest ends its streams") {
  require_kvm();
  Guest guest = Guest::restore(base_snapshot());
  guest.health();
  CHECK_THROWS_AS(guest.vm().connect(9, kPatience), Error);
  GuestStream stream = guest.vm().connect(kAgentPort, kPatience);
  guest.vm().stop();
  CHECK(read_some(stream).empty());
}

TEST_CASE("a connection that waits for the guest fails as soon as the guest ends") {
  require_kvm();
  Guest guest = Guest::restore(base_snapshot(), {}, GENERATE(Place::worker, Place::here));
  guest.vm().pause();
  auto waiting = std::async(std::launch::async, [&] { guest.vm().connect(kAgentPort, kForever); });
  CHECK(waiting.wait_for(std::chrono::milliseconds(200)) == std::future_status::timeout);
  guest.vm().stop();
  CHECK_THROWS_AS(waiting.get(), Error);
}
