// SPDX-License-Identifier: Apache-2.0

#include "harness/conditions.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>

namespace faasnap::bench {
namespace {

using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

TEST_CASE("conditions name the file system of the data") {
  CHECK(conditions("/proc/self").at("file_system") == "proc");
}

TEST_CASE("conditions have the lab's dilation where it is calibrated") {
  CHECK_FALSE(conditions("/proc").contains("dilation"));
  ::setenv("FAASNAP_LAB_CALIBRATION", R"({"dilation": 9.5, "disk": {"text": "slow"}})", 1);
  const json found = conditions("/proc");
  ::unsetenv("FAASNAP_LAB_CALIBRATION");
  CHECK(found.at("dilation") == 9.5);
  // A directory that is not on the data disk does not have its speed.
  CHECK_FALSE(found.contains("disk"));
}

TEST_CASE("records carry how slow processor and disk are, and nothing else") {
  CHECK(carried({{"cpu", "a processor"}, {"dilation", 9.5}, {"disk", "slow"}}) ==
        json{{"dilation", 9.5}, {"disk", "slow"}});
  CHECK(carried({{"cpu", "a processor"}}) == json::object());
}

TEST_CASE("people are told how much slower the lab's processor is") {
  CHECK_THAT(describe({{"accelerator", "kvm-in-lab"}, {"dilation", 9.5}}),
             ContainsSubstring("emulated processor, 9.5 times slower"));
  CHECK_THAT(describe({{"accelerator", "kvm-in-lab"}}), ContainsSubstring("about ten times"));
}

TEST_CASE("people are told that the counted lab's times are counted, and not slow") {
  const std::string said = describe({{"accelerator", "kvm-in-counted-lab"}, {"dilation", 1.0}});
  CHECK_THAT(said, ContainsSubstring("times are counted"));
  CHECK_THAT(said, !ContainsSubstring("slower"));
}

}  // namespace
}  // namespace faasnap::bench
