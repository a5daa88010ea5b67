// SPDX-License-Identifier: Apache-2.0

#include "bursts/burst_table.h"

#include <catch2/catch_test_macros.hpp>

namespace faasnap::bench {
namespace {

using nlohmann::json;

json record(unsigned repeat, unsigned instance, double total_ms, double burst_ms, double pss,
            const char* setting = "lazy") {
  return {{"function", "json"},
          {"same", true},
          {"parallelism", 2},
          {"setting", setting},
          {"repeat", repeat},
          {"instance", instance},
          {"total_ns", total_ms * 1e6},
          {"burst_ns", burst_ms * 1e6},
          {"pss_bytes", pss}};
}

TEST_CASE("a burst's memory is that of all its VMs, its time that of the last") {
  const std::vector<json> records{record(0, 0, 10, 30, 100), record(0, 1, 20, 30, 100),
                                  record(1, 0, 10, 50, 200), record(1, 1, 40, 50, 200),
                                  record(2, 0, 10, 40, 300), record(2, 1, 10, 40, 300)};
  const auto bursts = summarize_bursts(records);
  REQUIRE(bursts.size() == 1);
  CHECK(bursts[0].function == "json");
  CHECK(bursts[0].parallelism == 2);
  CHECK(bursts[0].burst == 40);
  CHECK(bursts[0].median == 10);
  CHECK(bursts[0].longest == 40);
  CHECK(bursts[0].proportional == 400);
}

TEST_CASE("bursts of different settings are not mixed") {
  const std::vector<json> records{record(0, 0, 10, 30, 100), record(0, 0, 20, 60, 100, "stream")};
  const auto bursts = summarize_bursts(records);
  REQUIRE(bursts.size() == 2);
  CHECK(bursts[0].setting == "lazy");
  CHECK(bursts[1].burst == 60);
}

TEST_CASE("a VM that was measured twice counts once, as measured last") {
  const std::vector<json> records{record(0, 0, 10, 30, 100), record(0, 0, 20, 60, 500)};
  const auto bursts = summarize_bursts(records);
  REQUIRE(bursts.size() == 1);
  CHECK(bursts[0].longest == 20);
  CHECK(bursts[0].burst == 60);
  CHECK(bursts[0].proportional == 500);
}

}  // namespace
}  // namespace faasnap::bench
