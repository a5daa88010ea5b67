#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace faasnap::bench {

// What the lab says of itself in FAASNAP_LAB_CALIBRATION (docs/guide/lab.md); an empty object
// outside the lab, and in one that is not calibrated. Throws std::runtime_error for what cannot be
// that.
nlohmann::json lab_calibration();

// How many times slower its processor is than the machine's, where that is known.
std::optional<double> dilation_of(const nlohmann::json& calibration);

// What conditions and records have of it: `dilation`, and `disk` where what is measured lies on the
// mount point of the lab's data disk, and that has a profile.
nlohmann::json fields_of(const nlohmann::json& calibration, std::string_view mount_point);

}  // namespace faasnap::bench
