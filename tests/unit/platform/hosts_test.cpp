// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "base/config.h"
#include "hosts/store.h"

namespace platform::hosts {
namespace {

using Catch::Matchers::ContainsSubstring;

void check_refused(const HostsPolicy& policy, const char* says) {
  CHECK_THROWS_WITH(Store(policy), ContainsSubstring(says));
}

}  // namespace

TEST_CASE("wrong settings of the hosts' store name their key") {
  for (const char* address : {"redis.example", ":6379", "redis:", "redis:x", "redis:65536"}) {
    check_refused({.redis = address, .directory = "/tmp"}, "hosts.redis: '");
  }
  check_refused({.redis = "redis:6379"}, "hosts.directory: ");
  check_refused({.redis = "redis:6379", .directory = "/tmp", .password = "/nowhere/password"},
                "/nowhere/password");
  check_refused({.redis = "redis:6379", .directory = "/tmp", .password = "/dev/null"},
                "/dev/null: expected a regular file that is its owner's alone");
}

TEST_CASE("a store that does not answer is lost, and commands then fail at once") {
  Store store({.redis = "/nowhere/socket", .directory = "/tmp"});
  CHECK_THROWS_AS(store.since({}, 0), StoreLost);
  CHECK_THROWS_AS(store.put("f", "{}", 0), StoreLost);
  CHECK_THROWS_WITH(store.lease("x", std::chrono::seconds(1)),
                    ContainsSubstring("/nowhere/socket"));
}

}  // namespace platform::hosts
