// SPDX-License-Identifier: Apache-2.0

#include "state/function_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace platform {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

Json to_json(const Function& function) {
  Json json = {{"name", function.name},
               {"version", function.version},
               {"description", function.description},
               {"revision", function.revision},
               {"image", function.image.string()},
               {"image_uri", function.image_uri},
               {"archive", function.archive.string()},
               {"runtime", function.runtime},
               {"handler", function.handler},
               {"environment", function.environment},
               {"role", function.role},
               {"code_sha256", function.code_sha256},
               {"code_size", function.code_size},
               {"memory_mib", function.memory_mib},
               {"timeout_s", function.timeout.count()},
               {"modified_ms", function.modified.count()}};
  if (function.concurrency) {
    json["concurrency"] = *function.concurrency;
  }
  return json;
}

Function function_of(const Json& json) {
  Function function;
  function.name = json.at("name");
  function.version = json.at("version");
  function.description = json.at("description");
  function.revision = json.at("revision");
  function.image = json.at("image").get<std::string>();
  function.image_uri = json.at("image_uri");
  function.archive = json.at("archive").get<std::string>();
  function.runtime = json.at("runtime");
  function.handler = json.at("handler");
  function.environment = json.at("environment");
  function.role = json.at("role");
  function.code_sha256 = json.at("code_sha256");
  function.code_size = json.at("code_size");
  function.memory_mib = json.at("memory_mib");
  function.timeout = std::chrono::seconds(json.at("timeout_s").get<std::int64_t>());
  function.modified = std::chrono::milliseconds(json.at("modified_ms").get<std::int64_t>());
  if (json.contains("concurrency")) {
    function.concurrency = json["concurrency"].get<unsigned>();
  }
  return function;
}

}  // namespace

std::vector<Function> FunctionVersions::all() const {
  std::vector<Function> all{latest};
  for (const auto& [number, function] : published) {
    all.push_back(function);
  }
  return all;
}

std::string encode(const FunctionVersions& versions) {
  Json published = Json::array();
  for (const auto& [number, function] : versions.published) {
    published.push_back(to_json(function));
  }
  return Json{{"format", kFormat},
              {"next_version", versions.next_version},
              {"latest", to_json(versions.latest)},
              {"published", published}}
             .dump(2) +
         "\n";
}

FunctionVersions decode_versions(const std::string& text, const std::filesystem::path& file) {
  try {
    const Json json = Json::parse(text);
    if (const int format = json.at("format"); format != kFormat) {
      throw std::runtime_error(fmt::format("format {}, expected {}", format, kFormat));
    }
    FunctionVersions versions;
    versions.next_version = json.at("next_version");
    versions.latest = function_of(json.at("latest"));
    for (const Json& each : json.at("published")) {
      Function function = function_of(each);
      const auto number = static_cast<unsigned>(std::stoul(function.version));
      versions.published.emplace(number, std::move(function));
    }
    return versions;
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace platform
