#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace faasnap::bench {

// What rootfs/functions/inputs.json declares, which says what its sizes are for.
enum class InputSize { quick, full };

// The functions that the guest image of $FAASNAP_IMAGES has.
std::vector<std::string> functions_of_image();
// `named` as an option has them, or all of them if that names none.
std::vector<std::string> functions_or_all(const std::vector<std::string>& named);

// The first input of the function, which it is recorded with, or the second. Throws
// std::runtime_error for a function without.
nlohmann::json declared_input(const std::string& function, InputSize size, std::size_t index);

}  // namespace faasnap::bench
