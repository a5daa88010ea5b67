#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace faasnap::bench {

// Under which conditions a bench ran: CPU, kernel, file system of `data`, accelerator, build type.
// A number without them means nothing.
nlohmann::json conditions(const std::filesystem::path& data);

// The same in one line, for people.
std::string describe(const nlohmann::json& conditions);

}  // namespace faasnap::bench
