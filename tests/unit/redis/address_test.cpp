// SPDX-License-Identifier: Apache-2.0

#include "redis/address.h"

#include <catch2/catch_test_macros.hpp>

#include "support/support.h"

namespace faasnap::redis {
namespace {

using test::error_of;

TEST_CASE("the address of a Redis server is a host and a port, or a path") {
  const Address name = parse_address("redis.example:6379");
  CHECK(name.host == "redis.example");
  CHECK(name.port == 6379);
  CHECK(parse_address("[::1]:1").host == "::1");
  CHECK(parse_address("/run/redis:1").socket == "/run/redis:1");
  CHECK(parse_address("./redis").socket == "./redis");
}

TEST_CASE("what is no address of a Redis server is refused") {
  for (const char* text : {"", "host", "host:", ":6379", "host:0", "host:65536", "host:-1",
                           "host:6379x", "::1:6379", "[]:6379"}) {
    INFO(text);
    CHECK(error_of([&] { parse_address(text); }).kind() == ErrorKind::invalid_argument);
  }
}

}  // namespace
}  // namespace faasnap::redis
