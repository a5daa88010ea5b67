// SPDX-License-Identifier: Apache-2.0

#include "base/token_bucket.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>

namespace faasnap::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanoseconds kNow = std::chrono::hours(100);

TEST_CASE("a bucket gives its burst at once, and later what has come at its rate") {
  TokenBucket bucket(10, 3);
  CHECK(bucket.take(2, kNow));
  CHECK_FALSE(bucket.take(2, kNow));
  CHECK(bucket.take(1, kNow));
  CHECK_FALSE(bucket.take(1, kNow + milliseconds(99)));
  CHECK(bucket.take(1, kNow + milliseconds(100)));
  CHECK_FALSE(bucket.take(1, kNow + milliseconds(100)));
}

TEST_CASE("a bucket keeps no more than its burst, however long nobody takes") {
  TokenBucket bucket(10, 3);
  CHECK(bucket.holds(3, kNow + seconds(1000)));
  CHECK_FALSE(bucket.holds(4, kNow + seconds(1000)));
  CHECK_FALSE(bucket.take(4, kNow + seconds(2000)));
  CHECK(bucket.take(3, kNow + seconds(2000)));
}

TEST_CASE("a debt is paid at the rate before anything can be taken") {
  TokenBucket bucket(10, 3);
  CHECK(bucket.borrow(3, kNow) == Nanoseconds(0));
  CHECK(bucket.borrow(20, kNow) == seconds(2));
  CHECK(bucket.borrow(10, kNow + seconds(1)) == seconds(2));
  CHECK_FALSE(bucket.take(1, kNow + seconds(3)));
  CHECK(bucket.take(1, kNow + seconds(3) + milliseconds(100)));
}

TEST_CASE("the largest and the smallest rates neither overflow nor divide by zero") {
  static constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  TokenBucket fast(kMost, kMost);
  CHECK(fast.borrow(std::uint64_t{1} << 40, kNow) == Nanoseconds(0));
  TokenBucket slow(0, 0);
  for (int i = 0; i < 10; ++i) {
    CHECK(slow.borrow(kMost, kNow) > std::chrono::hours(24));
  }
  CHECK_FALSE(slow.take(1, kNow));
}

}  // namespace
}  // namespace faasnap::base
