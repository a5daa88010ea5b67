// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/nbd_server.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/nbd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace faasnap::bench {
namespace {

constexpr std::uint64_t kSize = 1 << 20;
// Fast enough for a test.
constexpr LinkSpeed kFastSpeed{
    .latency = std::chrono::microseconds(1), .bytes = 1e12, .requests = 1e9};

// A server of an empty file, and the client's end of its connection.
class Connection {
 public:
  Connection() {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) == 0);
    client_ = tools::Descriptor(ends_[0]);
    const int file = ::memfd_create("disk", MFD_CLOEXEC);
    REQUIRE(::ftruncate(file, kSize) == 0);
    server_ = std::make_unique<NbdServer>(tools::Descriptor(file), kSize,
                                          tools::Descriptor(ends_[1]), kFastSpeed);
  }

  void request(std::uint32_t command, std::uint64_t cookie, std::uint64_t offset,
               std::uint32_t length, std::uint32_t magic = NBD_REQUEST_MAGIC) const {
    std::array<std::byte, 28> head;
    const auto put = [&](std::size_t at, auto number) {
      std::memcpy(head.data() + at, &number, sizeof number);
    };
    put(0, htobe32(magic));
    put(4, htobe32(command));
    put(8, cookie);
    put(16, htobe64(offset));
    put(24, htobe32(length));
    send(head.data(), head.size());
  }
  void send(const void* data, std::size_t size) const {
    REQUIRE(::send(client_.get(), data, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
  }
  std::string receive(std::size_t size) const {
    std::string text(size, '\0');
    REQUIRE(::recv(client_.get(), text.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size));
    return text;
  }
  struct Reply {
    std::uint32_t magic;
    std::uint32_t error;
    std::uint64_t cookie;
  };
  Reply reply() const {
    const std::string head = receive(16);
    Reply reply{};
    std::memcpy(&reply.magic, head.data(), 4);
    std::memcpy(&reply.error, head.data() + 4, 4);
    std::memcpy(&reply.cookie, head.data() + 8, 8);
    return {be32toh(reply.magic), be32toh(reply.error), reply.cookie};
  }
  // True if the server ends the connection.
  bool ended() const {
    char byte = 0;
    return ::recv(client_.get(), &byte, 1, 0) <= 0;
  }
  NbdServer& server() const { return *server_; }

 private:
  std::array<int, 2> ends_{};
  tools::Descriptor client_;
  std::unique_ptr<NbdServer> server_;
};

TEST_CASE("what is written to a served disk is read from it, with the request's cookie") {
  const Connection disk;
  disk.request(NBD_CMD_WRITE, 17, 4096, 5);
  disk.send("hello", 5);
  const auto written = disk.reply();
  CHECK(written.magic == NBD_REPLY_MAGIC);
  CHECK(written.error == 0);
  CHECK(written.cookie == 17);

  disk.request(NBD_CMD_READ, 18, 4094, 9);
  const auto read = disk.reply();
  CHECK(read.error == 0);
  CHECK(read.cookie == 18);
  CHECK(disk.receive(9) == std::string("\0\0hello\0\0", 9));
  CHECK(disk.server().reads().requests == 1);
  CHECK(disk.server().reads().bytes == 9);
}

TEST_CASE("reads are answered in the order in which they come") {
  const Connection disk;
  for (std::uint64_t cookie = 0; cookie < 100; ++cookie) {
    disk.request(NBD_CMD_READ, cookie, cookie * 512, 512);
  }
  for (std::uint64_t cookie = 0; cookie < 100; ++cookie) {
    REQUIRE(disk.reply().cookie == cookie);
    disk.receive(512);
  }
}

TEST_CASE("a read beyond the end of the disk is an error, and the connection goes on") {
  const Connection disk;
  disk.request(NBD_CMD_READ, 1, kSize - 1, 2);
  CHECK(disk.reply().error == EINVAL);
  disk.request(NBD_CMD_READ, 2, ~std::uint64_t{0}, 2);
  CHECK(disk.reply().error == EINVAL);
  disk.request(NBD_CMD_TRIM, 3, kSize - 512, 1024);
  CHECK(disk.reply().error == EINVAL);
  disk.request(NBD_CMD_READ, 4, kSize - 2, 2);
  CHECK(disk.reply().error == 0);
}

TEST_CASE("a command that the server does not know is an error, and the connection goes on") {
  const Connection disk;
  disk.request(0x1000, 1, 0, 512);
  CHECK(disk.reply().error == EINVAL);
  disk.request(NBD_CMD_READ, 2, 0, 512);
  CHECK(disk.reply().error == 0);
}

TEST_CASE("a flush is answered, and what is trimmed is zero and its neighbours are not") {
  const Connection disk;
  const std::string data(12288, 'x');
  disk.request(NBD_CMD_WRITE, 1, 0, 12288);
  disk.send(data.data(), data.size());
  CHECK(disk.reply().error == 0);

  disk.request(NBD_CMD_FLUSH, 2, 0, 0);
  const auto flushed = disk.reply();
  CHECK(flushed.error == 0);
  CHECK(flushed.cookie == 2);

  disk.request(NBD_CMD_TRIM, 3, 4096, 4096);
  const auto trimmed = disk.reply();
  CHECK(trimmed.error == 0);
  CHECK(trimmed.cookie == 3);
  disk.request(NBD_CMD_READ, 4, 4095, 4098);
  CHECK(disk.reply().error == 0);
  CHECK(disk.receive(4098) == "x" + std::string(4096, '\0') + "x");
}

TEST_CASE("who waits for a server goes on when its client has left") {
  auto disk = std::make_unique<Connection>();
  disk->request(NBD_CMD_DISC, 0, 0, 0);
  CHECK_NOTHROW(disk->server().wait());
}

TEST_CASE("a client that breaks the protocol or says good-bye is shut out") {
  const Connection disk;
  SECTION("wrong magic") { disk.request(NBD_CMD_READ, 1, 0, 512, 0x12345678); }
  SECTION("a write beyond the end") { disk.request(NBD_CMD_WRITE, 1, kSize, 512); }
  SECTION("good-bye") { disk.request(NBD_CMD_DISC, 0, 0, 0); }
  CHECK(disk.ended());
}

TEST_CASE("a server ends while its client waits") {
  auto disk = std::make_unique<Connection>();
  disk->request(NBD_CMD_READ, 1, 0, 512);
  CHECK_NOTHROW(disk.reset());
}

}  // namespace
}  // namespace faasnap::bench
