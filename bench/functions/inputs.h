#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace faasnap::bench {

// What rootfs/functions/inputs.json declares, which says what its sizes are for.
enum class InputSize { quick, full };

// The functions that the guest image of $FAASNAP_IMAGES has.
std::vector<std::string> functions_of_image();
// `named` as an option has them, or all of them if that names none. Throws
// UsageError for one that the image lacks.
std::vector<std::string> functions_or_all(const std::vector<std::string>& named);

// The first input of the function, which it is recorded with, or the second. Throws
// std::runtime_error for a function without.
nlohmann::json declared_input(const std::string& function, InputSize size, std::size_t index);

// One of a function's inputs that differ in size.
struct SizedInput {
  nlohmann::json input;
  // For people.
  std::string name;
  // In what the function counts: bytes of an object, numbers, cells of a table, nodes of a graph.
  double size = 0;
};

// The inputs of several sizes (FaaSnap, section 6.3), the third in the middle; none for a function
// that does not declare them. The quick ones are smaller in the same proportion as the function's
// other quick inputs.
std::vector<SizedInput> inputs_by_size(const std::string& function, InputSize size);
// The same of the content of an inputs.json.
std::vector<SizedInput> inputs_by_size(const nlohmann::ordered_json& declarations,
                                       const std::string& function, InputSize size);

}  // namespace faasnap::bench
