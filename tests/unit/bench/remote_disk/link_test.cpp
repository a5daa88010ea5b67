// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/link.h"

#include <catch2/catch_test_macros.hpp>

namespace faasnap::bench {
namespace {

using namespace std::chrono_literals;

// 1000 bytes or 10 requests in a second.
constexpr LinkSpeed kSpeed{.latency = 1ms, .bytes = 1000, .requests = 10};
constexpr Link::Clock::time_point kStart{1h};

TEST_CASE("a request is answered after it has passed, and a latency") {
  Link large(kSpeed);
  CHECK(large.answer(kStart, 500) == kStart + 501ms);
}

TEST_CASE("a small request keeps the next one waiting, and nothing itself") {
  Link link(kSpeed);
  CHECK(link.answer(kStart, 1) == kStart + 2ms);
  CHECK(link.answer(kStart, 1) == kStart + 102ms);
}

TEST_CASE("requests pass one after the other, but wait out their latencies together") {
  Link link(kSpeed);
  link.answer(kStart, 500);
  CHECK(link.answer(kStart, 500) == kStart + 1001ms);
}

TEST_CASE("a link that nothing has used for a while saves nothing up") {
  Link link(kSpeed);
  link.answer(kStart, 500);
  CHECK(link.answer(kStart + 10s, 500) == kStart + 10s + 501ms);
}

TEST_CASE("a slower link takes longer for everything") {
  Link link(kSpeed.slower(10));
  CHECK(link.answer(kStart, 500) == kStart + 5010ms);
}

TEST_CASE("a link's figures tell what it is like, to three digits") {
  constexpr LinkSpeed kVolume{.latency = 1ms, .bytes = 125 << 20, .requests = 3000};
  CHECK(kVolume.figures() == "1 ms, 125 MiB/s, 3000 IOPS");
  CHECK(kVolume.slower(9.87).figures() == "9.87 ms, 12.7 MiB/s, 304 IOPS");
}

}  // namespace
}  // namespace faasnap::bench
