// SPDX-License-Identifier: Apache-2.0

#include "functions/inputs.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "harness/program.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;
// Keeps parameters in the order of their declaration.
using nlohmann::ordered_json;

const std::filesystem::path kDeclarations = FAASNAP_SOURCE_DIR "/rootfs/functions/inputs.json";

ordered_json read_declarations() {
  std::ifstream file(kDeclarations);
  if (!file) {
    throw std::runtime_error(kDeclarations.string() + ": cannot be read");
  }
  return ordered_json::parse(file);
}

const ordered_json& inputs_of(const ordered_json& declarations, const std::string& function) {
  const auto& functions = declarations.at("functions");
  if (!functions.contains(function)) {
    throw std::runtime_error(kDeclarations.string() + ": unknown function " + function);
  }
  return functions.at(function);
}

// Returns `input`; reduces each number that is smaller in `quick` than in `full` by the same
// factor.
ordered_json scaled(ordered_json input, const ordered_json& quick, const ordered_json& full) {
  for (const auto& [name, value] : quick.items()) {
    if (!full.contains(name)) {
      input[name] = value;
    } else if (value.is_number() && input.contains(name)) {
      const double ratio = value.get<double>() / full.at(name).get<double>();
      input[name] = std::llround(input.at(name).get<double>() * ratio);
    }
  }
  return input;
}

// The size of an input that names an object of the store is the object's size; the size of another
// one comes from its numbers.
SizedInput measured(const ordered_json& input, const ordered_json& objects) {
  SizedInput sized{json::parse(input.dump()), {}, 1};
  if (const auto object = input.find("input"); object != input.end()) {
    const auto key = object->get<std::string>();
    sized.name = key.substr(key.find('-') + 1);
    sized.size = objects.at(key).at("bytes").get<double>();
    return sized;
  }
  for (const auto& [name, value] : input.items()) {
    if (value.is_number() && name != "seed") {
      sized.name.append(sized.name.empty() ? "" : "x").append(value.dump());
      sized.size *= value.get<double>();
    }
  }
  return sized;
}

}  // namespace

std::vector<std::string> functions_of_image() {
  const std::filesystem::path directory = images_directory() / "tree/opt/faasnap/functions";
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
  std::vector<std::string> all = functions_of_image();
  if (named.empty()) {
    return all;
  }
  for (const std::string& name : named) {
    if (std::ranges::find(all, name) == all.end()) {
      throw UsageError("the guest image has no function '" + name + "'");
    }
  }
  return named;
}

json declared_input(const std::string& function, InputSize size, std::size_t index) {
  const ordered_json declarations = read_declarations();
  const auto& inputs = inputs_of(declarations, function);
  return json::parse(inputs.at(size == InputSize::quick ? "quick" : "e1").at(index).dump());
}

std::vector<SizedInput> inputs_by_size(const std::string& function, InputSize size) {
  return inputs_by_size(read_declarations(), function, size);
}

std::vector<SizedInput> inputs_by_size(const ordered_json& declarations,
                                       const std::string& function, InputSize size) {
  const auto& declared = inputs_of(declarations, function);
  std::vector<SizedInput> inputs;
  for (const auto& input : declared.value("e2", ordered_json::array())) {
    inputs.push_back(measured(size == InputSize::full ? input
                                                      : scaled(input, declared.at("quick").at(0),
                                                               declared.at("e1").at(0)),
                              declarations.at("objects")));
  }
  return inputs;
}

}  // namespace faasnap::bench
