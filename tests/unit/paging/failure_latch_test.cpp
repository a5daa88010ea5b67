// SPDX-License-Identifier: Apache-2.0

#include "paging/failure_latch.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace faasnap::paging {
namespace {

TEST_CASE("the first failure is told, then everybody is let go; later ones change nothing") {
  std::vector<std::string> events;
  FailureLatch latch([&](const std::string& reason) { events.push_back("failed: " + reason); },
                     [&] { events.emplace_back("released"); });
  CHECK_FALSE(latch.failed());
  latch.rethrow();
  latch.report(std::make_exception_ptr(std::runtime_error("first")));
  latch.report(std::make_exception_ptr(std::runtime_error("second")));
  CHECK(latch.failed());
  CHECK(events == std::vector<std::string>{"failed: first", "released"});
  CHECK_THROWS_WITH(latch.rethrow(), "first");
}

TEST_CASE("whoever waits is let go even if telling of the failure fails") {
  bool released = false;
  FailureLatch latch([](const std::string&) { throw std::runtime_error("deaf"); },
                     [&] { released = true; });
  latch.report(std::make_exception_ptr(42));
  CHECK(released);
  CHECK(latch.failed());
  CHECK_THROWS_AS(latch.rethrow(), int);
}

}  // namespace
}  // namespace faasnap::paging
