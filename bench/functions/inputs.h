// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace faasnap::bench {

// The sizes of inputs that rootfs/functions/inputs.json declares; that file says what they are for.
enum class InputSize { quick, full };

// Returns the functions of the guest image in $FAASNAP_IMAGES.
std::vector<std::string> functions_of_image();
// Returns `named`, the functions that an option names, or all functions if it names none. Throws
// UsageError if the image lacks one.
std::vector<std::string> functions_or_all(const std::vector<std::string>& named);

// Returns the first input of the function, with which it is recorded, or the second. Throws
// std::runtime_error if the function has none.
nlohmann::json declared_input(const std::string& function, InputSize size, std::size_t index);

// One of a function's inputs of different sizes.
struct SizedInput {
  nlohmann::json input;
  // The name for people.
  std::string name;
  // In the function's own unit: bytes of an object, numbers, cells of a table, nodes of a graph.
  double size = 0;
};

// Returns the inputs of several sizes (FaaSnap, section 6.3), with the middle one third; empty if
// the function does not declare them. The quick ones are smaller by the same factor as the
// function's other quick inputs.
std::vector<SizedInput> inputs_by_size(const std::string& function, InputSize size);
// Does the same with the content of an inputs.json.
std::vector<SizedInput> inputs_by_size(const nlohmann::ordered_json& declarations,
                                       const std::string& function, InputSize size);

}  // namespace faasnap::bench
