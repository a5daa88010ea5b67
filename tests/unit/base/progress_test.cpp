// SPDX-License-Identifier: Apache-2.0

#include "base/progress.h"

#include <catch2/catch_test_macros.hpp>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace faasnap::base {
namespace {

TEST_CASE("steps report their part of the whole, whatever they count to") {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
  const Progress progress = [&](Bytes done, Bytes total) {
    seen.emplace_back(done.value, total.value);
    return done.value < 300;
  };
  StepProgress steps(progress, Bytes{300});
  const Progress first = steps.next(Bytes{100});
  CHECK(first(Bytes{50}, Bytes{100}));
  CHECK(first(Bytes{100}, Bytes{100}));
  const Progress second = steps.next(Bytes{200});
  CHECK(second(Bytes{1}, Bytes{4}));
  CHECK_FALSE(second(Bytes{0}, Bytes{0}));
  CHECK(seen == std::vector<std::pair<std::uint64_t, std::uint64_t>>{
                    {50, 300}, {100, 300}, {150, 300}, {300, 300}});
}

TEST_CASE("steps of an operation that nobody watches go on") {
  const Progress none;
  StepProgress steps(none, Bytes{1});
  CHECK(steps.next(Bytes{1})(Bytes{1}, Bytes{1}));
}

TEST_CASE("an operation goes on until its caller wants it to stop") {
  std::stop_source stop;
  CHECK_NOTHROW(check_not_stopped(stop.get_token(), "work"));
  stop.request_stop();
  try {
    check_not_stopped(stop.get_token(), "work", "/a/file");
    FAIL("not stopped");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::cancelled);
    CHECK(std::string(error.what()) == "work: /a/file: stopped by the caller");
  }
}

}  // namespace
}  // namespace faasnap::base
