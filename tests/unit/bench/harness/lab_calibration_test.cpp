// SPDX-License-Identifier: Apache-2.0

#include "harness/lab_calibration.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr const char* kVariable = "FAASNAP_LAB_CALIBRATION";

// Gives the process a calibration for as long as it lives.
class Calibrated {
 public:
  explicit Calibrated(const std::string& text) { ::setenv(kVariable, text.c_str(), 1); }
  ~Calibrated() { ::unsetenv(kVariable); }
  Calibrated(const Calibrated&) = delete;
  Calibrated& operator=(const Calibrated&) = delete;
};

TEST_CASE("without a calibration nothing is known of the lab") {
  ::unsetenv(kVariable);
  CHECK(lab_calibration() == json::object());
  CHECK_FALSE(dilation_of(lab_calibration()));
  CHECK(fields_of(lab_calibration(), "/data") == json::object());
}

TEST_CASE("a calibration tells the dilation, and the disk of what lies on the data disk") {
  const Calibrated lab(R"({"dilation": 9.5, "disk": {"text": "slow", "latency_ns": 1}})");
  CHECK(dilation_of(lab_calibration()) == 9.5);
  CHECK(fields_of(lab_calibration(), "/data") == json{{"dilation", 9.5}, {"disk", "slow"}});
  CHECK(fields_of(lab_calibration(), "/") == json{{"dilation", 9.5}});
}

TEST_CASE("a data disk without a profile has no name") {
  const Calibrated lab(R"({"dilation": 9.5})");
  CHECK(fields_of(lab_calibration(), "/data") == json{{"dilation", 9.5}});
}

TEST_CASE("what is no calibration is an error") {
  const Calibrated lab(GENERATE("", "{", "[]", "{}", R"({"dilation": "9.5"})"));
  CHECK_THROWS_AS(lab_calibration(), std::runtime_error);
}

}  // namespace
}  // namespace faasnap::bench
