// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace faasnap::bench {

// Returns the value of FAASNAP_LAB_CALIBRATION (docs/guide/lab.md), or an empty object outside the
// lab and in a lab that is not calibrated. Throws std::runtime_error for an invalid value.
nlohmann::json lab_calibration();

// Returns how many times slower than the machine's its processor is, if known.
std::optional<double> dilation_of(const nlohmann::json& calibration);

// Returns the fields of conditions and records: `dilation`, and `disk` if the measured files lie on
// the mount point of the lab's data disk and that has a profile.
nlohmann::json fields_of(const nlohmann::json& calibration, std::string_view mount_point);

}  // namespace faasnap::bench
