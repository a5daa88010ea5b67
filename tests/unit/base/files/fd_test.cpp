// SPDX-License-Identifier: Apache-2.0

#include "base/files/fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <utility>

namespace faasnap::base {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

UniqueFd open_null() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST_CASE("a descriptor is closed with its owner") {
  int raw = -1;
  {
    const UniqueFd fd = open_null();
    raw = fd.get();
    REQUIRE(is_open(raw));
  }
  CHECK_FALSE(is_open(raw));
}

TEST_CASE("moving hands the descriptor over, and closes the one before") {
  UniqueFd first = open_null();
  UniqueFd second = open_null();
  const int kept = first.get();
  const int dropped = second.get();
  second = std::move(first);
  CHECK(second.get() == kept);
  CHECK_FALSE(static_cast<bool>(first));
  CHECK(is_open(kept));
  CHECK_FALSE(is_open(dropped));
}

TEST_CASE("moving onto itself keeps the descriptor") {
  UniqueFd fd = open_null();
  UniqueFd& alias = fd;
  fd = std::move(alias);
  CHECK(is_open(fd.get()));
}

TEST_CASE("a released descriptor stays open") {
  UniqueFd fd = open_null();
  const int raw = fd.release();
  CHECK_FALSE(static_cast<bool>(fd));
  CHECK(is_open(raw));
  ::close(raw);
}

TEST_CASE("an event is seen once, however often it was signalled") {
  const EventFd event;
  CHECK_FALSE(event.drain());
  event.signal();
  event.signal();
  CHECK(event.drain());
  CHECK_FALSE(event.drain());
}

TEST_CASE("a stream pair carries bytes both ways and is not inherited") {
  const auto [left, right] = make_stream_pair();
  CHECK((::fcntl(left.get(), F_GETFD) & FD_CLOEXEC) != 0);
  char letter = 'a';
  REQUIRE(::write(left.get(), &letter, 1) == 1);
  letter = 0;
  REQUIRE(::read(right.get(), &letter, 1) == 1);
  CHECK(letter == 'a');
  set_non_blocking(left);
  CHECK(::read(left.get(), &letter, 1) == -1);
  CHECK(errno == EAGAIN);
}

}  // namespace
}  // namespace faasnap::base
