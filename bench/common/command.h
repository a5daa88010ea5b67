#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace faasnap::bench {

// Runs the `faasnap` command that lies beside this program, and returns the JSON object that it
// prints. Throws std::runtime_error with the command's own message when it fails.
nlohmann::json run_faasnap(const std::vector<std::string>& arguments);
// The same for a command whose output is of no interest; returns it as it is.
std::string run_command(const std::vector<std::string>& arguments);

// Where this program's build keeps `name`: the same directory.
std::filesystem::path beside_this_program(const std::string& name);

}  // namespace faasnap::bench
