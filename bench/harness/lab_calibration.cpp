// SPDX-License-Identifier: Apache-2.0

#include "harness/lab_calibration.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr const char* kVariable = "FAASNAP_LAB_CALIBRATION";
constexpr std::string_view kDataDisk = "/data";

}  // namespace

json lab_calibration() {
  const char* text = std::getenv(kVariable);
  if (text == nullptr) {
    return json::object();
  }
  json calibration = json::parse(text, nullptr, false);
  if (!calibration.is_object() || !dilation_of(calibration)) {
    throw std::runtime_error(std::string(kVariable) + ": not a calibration: " + text);
  }
  return calibration;
}

std::optional<double> dilation_of(const json& calibration) {
  const auto found = calibration.find("dilation");
  if (found == calibration.end() || !found->is_number()) {
    return std::nullopt;
  }
  return found->get<double>();
}

json fields_of(const json& calibration, std::string_view mount_point) {
  json fields = json::object();
  if (const auto dilation = dilation_of(calibration)) {
    fields["dilation"] = *dilation;
  }
  if (const auto disk = calibration.find("disk");
      disk != calibration.end() && mount_point == kDataDisk) {
    fields["disk"] = disk->at("text");
  }
  return fields;
}

}  // namespace faasnap::bench
