// SPDX-License-Identifier: Apache-2.0

#include "artifact/parameters.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/number.h"

namespace platform::artifact {
namespace {

using Parameters = nlohmann::ordered_json;

// A parameter of the artifact's function, and what it is called here; null if it has no
// counterpart.
struct Name {
  std::string_view function;
  std::string_view artifact;
  const char* own;
};

constexpr Name kNames[] = {
    {"image", "input_object_key", "input"},
    {"image", "output_object_key_prefix", nullptr},
    {"json", "input_object_key", "input"},
    {"ffmpeg", "input_object_key", "input"},
    {"ffmpeg", "output_object_key", nullptr},
    {"compression", "input_object_key", "input"},
    {"compression", "output_object_key", nullptr},
    {"recognition", "input_object_key", "input"},
    {"recognition", "model_object_key", "weights"},
    {"recognition", "output_object_key", nullptr},
    {"matmul", "n", "n"},
    {"pyaes", "length_of_message", "length"},
    {"pyaes", "num_of_iterations", nullptr},
    {"chameleon", "num_of_rows", "rows"},
    {"chameleon", "num_of_cols", "columns"},
    {"pagerank", "size", "nodes"},
};

const Name* find_name(std::string_view function, std::string_view parameter) {
  const auto* found = std::ranges::find_if(kNames, [&](const Name& name) {
    return name.function == function && name.artifact == parameter;
  });
  return found == std::end(kNames) ? nullptr : found;
}

// Returns the number that a text is, if it is one: the artifact's driver sends numbers so.
Parameters number_in(const Parameters& value) {
  if (!value.is_string()) {
    return value;
  }
  const auto& text = value.get_ref<const std::string&>();
  const auto number = parse_number<std::int64_t>(text);
  return number ? Parameters(*number) : value;
}

}  // namespace

std::string translate_parameters(const std::string& function, const std::string& params) {
  const Parameters given = Parameters::parse(params, nullptr, false);
  if (!given.is_object() || std::ranges::none_of(given.items(), [&](const auto& parameter) {
        return find_name(function, parameter.key()) != nullptr;
      })) {
    return params;
  }
  Parameters own = Parameters::object();
  for (const auto& [key, value] : given.items()) {
    const Name* name = find_name(function, key);
    if (name == nullptr) {
      own[key] = value;
    } else if (name->own != nullptr) {
      // A key of the store stays a text, whatever it looks like.
      own[name->own] = name->artifact.ends_with("_key") ? value : number_in(value);
    }
  }
  return own.dump(-1, ' ', false, Parameters::error_handler_t::replace);
}

}  // namespace platform::artifact
