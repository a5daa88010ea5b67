#include "guests/inputs.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "common/program.h"

namespace faasnap::bench {

std::vector<std::string> functions_of_image() {
  const std::filesystem::path directory =
      std::filesystem::path(from_environment("FAASNAP_IMAGES", "build/images")) /
      "tree/opt/faasnap/functions";
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".py") {
      names.push_back(entry.path().stem());
    }
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> functions_or_all(const std::vector<std::string>& named) {
  return named == std::vector<std::string>{""} ? functions_of_image() : named;
}

nlohmann::json declared_input(const std::string& function, InputSize size, std::size_t index) {
  const std::filesystem::path path = FAASNAP_SOURCE_DIR "/rootfs/functions/inputs.json";
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error(path.string() + ": cannot be read");
  }
  const auto functions = nlohmann::json::parse(file).at("functions");
  if (!functions.contains(function)) {
    throw std::runtime_error(path.string() + ": there is no function " + function);
  }
  return functions.at(function).at(size == InputSize::quick ? "quick" : "e1").at(index);
}

}  // namespace faasnap::bench
