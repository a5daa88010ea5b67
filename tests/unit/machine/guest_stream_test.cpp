// SPDX-License-Identifier: Apache-2.0

#include <sys/socket.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include <faasnap/guest_stream.h>

#include "base/clock.h"
#include "base/files/fd.h"
#include "support/support.h"

namespace faasnap {
namespace {

using std::chrono::milliseconds;
using test::bytes_of;
using test::error_of;

struct Pair {
  Pair() : Pair(base::make_stream_pair()) {}
  explicit Pair(std::pair<base::UniqueFd, base::UniqueFd> ends)
      : near(ends.first.release()), far(ends.second.release()) {}
  GuestStream near;
  GuestStream far;
};

std::string read_some(GuestStream& stream, Nanoseconds timeout = kForever) {
  std::array<std::byte, 64> buffer;
  const std::size_t got = stream.read(buffer, timeout);
  return test::text_of(std::span(buffer).first(got));
}

TEST_CASE("what one end writes the other end reads") {
  Pair pair;
  pair.near.write(bytes_of("hello"));
  CHECK(read_some(pair.far) == "hello");
}

TEST_CASE("a read waits for bytes that come later") {
  Pair pair;
  std::thread writer([&] {
    std::this_thread::sleep_for(milliseconds(20));
    pair.far.write(bytes_of("late"));
  });
  CHECK(read_some(pair.near, std::chrono::seconds(10)) == "late");
  writer.join();
}

TEST_CASE("a timeout of zero takes what is there and does not wait") {
  Pair pair;
  CHECK(error_of([&] { read_some(pair.near, Nanoseconds(0)); }).kind() == ErrorKind::timeout);
  pair.far.write(bytes_of("here"), Nanoseconds(0));
  CHECK(read_some(pair.near, Nanoseconds(0)) == "here");
}

TEST_CASE("a read that nothing answers ends with a timeout, neither early nor much later") {
  Pair pair;
  const Nanoseconds begun = base::monotonic_now();
  CHECK(error_of([&] { read_some(pair.near, milliseconds(30)); }).kind() == ErrorKind::timeout);
  CHECK(base::monotonic_now() - begun >= milliseconds(30));
  CHECK(base::monotonic_now() - begun < std::chrono::seconds(5));
}

TEST_CASE("a write that nobody reads ends with a timeout") {
  Pair pair;
  const std::string much(16 << 20, 'x');
  CHECK(error_of([&] { pair.near.write(bytes_of(much), milliseconds(30)); }).kind() ==
        ErrorKind::timeout);
}

TEST_CASE("a write larger than the socket's buffer arrives whole") {
  Pair pair;
  const std::string much(4 << 20, 'x');
  std::thread writer([&] {
    pair.near.write(bytes_of(much));
    pair.near.shutdown_write();
  });
  std::size_t total = 0;
  std::vector<std::byte> buffer(1 << 16);
  while (const std::size_t got = pair.far.read(buffer)) {
    total += got;
  }
  writer.join();
  CHECK(total == much.size());
}

TEST_CASE("after shutdown_write the other end reads the end, and can still answer") {
  Pair pair;
  pair.near.shutdown_write();
  CHECK(read_some(pair.far).empty());
  pair.far.write(bytes_of("answer"));
  CHECK(read_some(pair.near) == "answer");
}

TEST_CASE("a write to a closed connection is an error of the guest, not a signal") {
  Pair pair;
  { const GuestStream gone = std::move(pair.far); }
  CHECK(error_of([&] { pair.near.write(bytes_of("x")); }).kind() == ErrorKind::guest);
}

TEST_CASE("a connection closed with bytes unread reads as ended") {
  Pair pair;
  pair.near.write(bytes_of("never read"));
  { const GuestStream gone = std::move(pair.far); }
  CHECK(read_some(pair.near).empty());
}

TEST_CASE("a read into no room is an invalid argument, not the end of the stream") {
  Pair pair;
  CHECK(error_of([&] { pair.near.read({}); }).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("a released descriptor stays open when the stream is destroyed") {
  Pair pair;
  base::UniqueFd kept(pair.near.release());
  { const GuestStream gone = std::move(pair.near); }
  CHECK(::send(kept.get(), "x", 1, MSG_NOSIGNAL) == 1);
  CHECK(read_some(pair.far) == "x");
}

TEST_CASE("a moved-to stream has closed what it held before") {
  Pair first;
  Pair second;
  {
    GuestStream taken = std::move(first.near);
    taken = std::move(second.near);
    second.near = GuestStream(-1);
    CHECK(read_some(first.far).empty());
  }
  CHECK(read_some(second.far).empty());
}

}  // namespace
}  // namespace faasnap
