// SPDX-License-Identifier: Apache-2.0

#include "base/deadline.h"

#include <faasnap/error.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>

namespace faasnap::base {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a limit that is nearly for ever has no end in sight") {
  for (const Nanoseconds timeout : {kForever, kForever - 1ns, kForever / 2}) {
    const Deadline deadline(timeout);
    CHECK_FALSE(deadline.passed());
    CHECK(deadline.end() > std::chrono::steady_clock::now() + 24h);
    std::promise<void> promise;
    const auto done = promise.get_future();
    const auto keeping = std::async(std::launch::async, [&] {
      std::this_thread::sleep_for(20ms);
      promise.set_value();
    });
    CHECK(done.wait_until(deadline.end()) == std::future_status::ready);
  }
}

TEST_CASE("a limit of nothing, or less, has passed") {
  for (const Nanoseconds timeout : {0ns, -1ns, Nanoseconds::min()}) {
    const Deadline deadline(timeout);
    CHECK(deadline.passed());
    CHECK_THROWS_AS(deadline.remaining("wait"), Error);
  }
}

}  // namespace
}  // namespace faasnap::base
