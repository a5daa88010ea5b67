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
  Link small(kSpeed);
  CHECK(small.answer(kStart, 1) == kStart + 101ms);
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

TEST_CASE("a link's name tells what it is like") {
  constexpr LinkSpeed kVolume{.latency = 1ms, .bytes = 125 << 20, .requests = 3000};
  CHECK(kVolume.name() == "remote, 1 ms, 125 MiB/s, 3000 IOPS");
  CHECK(kVolume.slower(10).name() == "remote, 10 ms, 12.5 MiB/s, 300 IOPS");
}

}  // namespace
}  // namespace faasnap::bench
