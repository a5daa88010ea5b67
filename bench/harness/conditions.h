// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace faasnap::bench {

// Returns the conditions under which a bench runs: CPU, kernel, file system of `data`, accelerator,
// build type, and in the lab how slow its processor and its disk are, if known. A number without
// its conditions means nothing.
nlohmann::json conditions(const std::filesystem::path& data);

// Returns the conditions that each record repeats: `dilation` and `disk`, if there are any.
nlohmann::json carried(const nlohmann::json& conditions);

// Returns the same in one line, for people.
std::string describe(const nlohmann::json& conditions);

}  // namespace faasnap::bench
