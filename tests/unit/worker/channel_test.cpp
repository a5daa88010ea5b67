// SPDX-License-Identifier: Apache-2.0

#include "worker/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "support/support.h"

namespace faasnap::worker {
namespace {

using test::error_of;

struct Pair {
  explicit Pair(std::pair<base::UniqueFd, base::UniqueFd> ends = Channel::make_pair())
      : ours(std::move(ends.first)), theirs(std::move(ends.second)) {}
  Channel ours;
  Channel theirs;
};

TEST_CASE("a message arrives as it was sent, however long it is") {
  Pair pair;
  const std::vector<std::byte> body(5 * kPacketBody + 3, std::byte{42});
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const base::UniqueFd read_end(ends[0]);
  const base::UniqueFd write_end(ends[1]);
  std::thread sender([&] { pair.ours.send(9, 3, body, std::array{write_end.get()}); });
  const auto message = pair.theirs.receive();
  sender.join();
  REQUIRE(message);
  CHECK(message->kind == 9);
  CHECK(message->call == 3);
  CHECK(message->body == body);
  REQUIRE(message->files.size() == 1);
  REQUIRE(::write(message->files.front().get(), "x", 1) == 1);
  char got = 0;
  CHECK(::read(read_end.get(), &got, 1) == 1);
}

TEST_CASE("messages of several threads do not mix") {
  Pair pair;
  std::vector<std::thread> senders;
  for (unsigned i = 0; i < 4; ++i) {
    senders.emplace_back([&, i] {
      const std::vector<std::byte> body(3 * kPacketBody, static_cast<std::byte>(i));
      pair.ours.send(1, i, body);
    });
  }
  for (unsigned i = 0; i < 4; ++i) {
    const auto message = pair.theirs.receive();
    REQUIRE(message);
    CHECK(message->body ==
          std::vector<std::byte>(3 * kPacketBody, static_cast<std::byte>(message->call)));
  }
  for (std::thread& sender : senders) {
    sender.join();
  }
}

TEST_CASE("the end of the other side is the end of the messages") {
  auto [ours, theirs] = Channel::make_pair();
  Channel channel(std::move(ours));
  theirs.reset();
  CHECK_FALSE(channel.receive());
  CHECK(error_of([&] { channel.send(1, 1, {}); }).kind() == ErrorKind::guest);
}

TEST_CASE("sending ends when the other side does not receive") {
  Pair pair;
  pair.ours.limit_sending(std::chrono::seconds(1));
  const std::vector<std::byte> body(kMaximumBody);
  CHECK_THROWS_AS(pair.ours.send(1, 1, body), Error);
}

TEST_CASE("more descriptors than there is room for do not arrive, and do not leak") {
  auto [ours, theirs] = Channel::make_pair();
  Channel channel(std::move(theirs));
  const auto header = encode_header({.kind = 1, .call = 2}, false);
  std::vector<int> files(kMaximumFiles + 9, 0);
  std::vector<std::byte> control(CMSG_SPACE(files.size() * sizeof(int)));
  iovec part{const_cast<std::byte*>(header.data()), header.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(files.size() * sizeof(int));
  std::memcpy(CMSG_DATA(head), files.data(), files.size() * sizeof(int));
  REQUIRE(::sendmsg(ours.get(), &message, 0) == static_cast<ssize_t>(header.size()));
  const int before = ::dup(0);
  ::close(before);
  const auto received = channel.receive();
  REQUIRE(received);
  CHECK(received->files.empty());
  const int after = ::dup(0);
  ::close(after);
  CHECK(before == after);
}

}  // namespace
}  // namespace faasnap::worker
