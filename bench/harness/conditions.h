#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace faasnap::bench {

// Under which conditions a bench ran: CPU, kernel, file system of `data`, accelerator, build type,
// and in the lab how slow its processor and its disk are, where that is known. A number without
// them means nothing.
nlohmann::json conditions(const std::filesystem::path& data);

// Returns the conditions that each record carries, too: `dilation` and `disk`, if there are any.
nlohmann::json carried(const nlohmann::json& conditions);

// The same in one line, for people.
std::string describe(const nlohmann::json& conditions);

}  // namespace faasnap::bench
