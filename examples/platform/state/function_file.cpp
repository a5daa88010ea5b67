// SPDX-License-Identifier: Apache-2.0

#include "state/function_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "base/number.h"

namespace platform {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 2;
// The first one, in which every image was made when its function was written.
constexpr int kOldestFormat = 1;

const char* to_string(Making::Stage stage) {
  switch (stage) {
    case Making::Stage::done:
      break;
    case Making::Stage::under_way:
      return "under way";
    case Making::Stage::failed:
      return "failed";
  }
  return "done";
}

unsigned version_number(const std::string& version) {
  const auto number = parse_number<unsigned>(version);
  if (!number || std::to_string(*number) != version) {
    throw std::runtime_error(fmt::format("version '{:.32}', expected a number", version));
  }
  return *number;
}

Json to_json(const Making& making) {
  return {{"stage", to_string(making.stage)}, {"reason", making.reason}};
}

Making making_of(const Json& json) {
  const std::string text = json.at("stage");
  for (const auto stage : {Making::Stage::done, Making::Stage::under_way, Making::Stage::failed}) {
    if (text == to_string(stage)) {
      return {stage, json.at("reason")};
    }
  }
  throw std::runtime_error(fmt::format("stage '{:.32}', expected done, under way or failed", text));
}

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
               {"modified_ms", function.modified.count()},
               {"creation", to_json(function.creation)},
               {"update", to_json(function.update)}};
  if (function.concurrency) {
    json["concurrency"] = *function.concurrency;
  }
  return json;
}

Function function_of(const Json& json, int format) {
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
  if (format > kOldestFormat) {
    function.creation = making_of(json.at("creation"));
    function.update = making_of(json.at("update"));
  }
  return function;
}

constexpr std::size_t kLongestStoredName = 100;

void check_revision(const std::string& revision) {
  if (revision.size() < 2 || revision.size() > kLongestStoredName || revision.front() != 'r' ||
      revision.find_first_not_of("0123456789abcdef", 1) != std::string::npos) {
    throw std::runtime_error(
        fmt::format("revision '{:.64}', expected 'r' and hexadecimal digits", revision));
  }
}

// SHA256.zip, or SHA256-RANDOM.zip.
void check_archive_name(const std::string& name) {
  constexpr std::string_view kEnd = ".zip";
  const auto stem = name.size() - std::min(name.size(), kEnd.size());
  if (stem == 0 || name.size() > kLongestStoredName || !name.ends_with(kEnd) ||
      name.find_first_not_of("0123456789abcdef-") != stem) {
    throw std::runtime_error(
        fmt::format("archive '{:.64}', expected hexadecimal digits and .zip", name));
  }
}

}  // namespace

std::vector<Function> FunctionVersions::all() const {
  std::vector<Function> all{latest};
  for (const auto& [number, function] : published) {
    all.push_back(function);
  }
  return all;
}

std::vector<Function> FunctionVersions::kept() const {
  std::vector<Function> kept = all();
  if (next) {
    kept.push_back(*next);
  }
  return kept;
}

const Function* FunctionVersions::find(const std::string& version) const {
  if (version == kLatest) {
    return &latest;
  }
  for (const auto& [number, function] : published) {
    if (function.version == version) {
      return &function;
    }
  }
  return nullptr;
}

std::string encode(const FunctionVersions& versions) {
  Json published = Json::array();
  for (const auto& [number, function] : versions.published) {
    published.push_back(to_json(function));
  }
  Json json = {{"format", kFormat},
               {"next_version", versions.next_version},
               {"latest", to_json(versions.latest)},
               {"published", published}};
  for (const auto& [name, alias] : versions.aliases) {
    json["aliases"].push_back({{"name", name},
                               {"version", alias.version},
                               {"description", alias.description},
                               {"revision", alias.revision},
                               {"weights", alias.weights}});
  }
  if (versions.next) {
    json["next"] = to_json(*versions.next);
  }
  if (versions.change != 0) {
    json["change"] = versions.change;
  }
  return json.dump(2) + "\n";
}

FunctionVersions decode_versions(const std::string& text, const std::filesystem::path& file) {
  try {
    const Json json = Json::parse(text);
    const int format = json.at("format");
    if (format < kOldestFormat || format > kFormat) {
      throw std::runtime_error(
          fmt::format("format {}, expected {} to {}", format, kOldestFormat, kFormat));
    }
    FunctionVersions versions;
    versions.next_version = json.at("next_version");
    versions.change = json.value("change", std::uint64_t{0});
    versions.latest = function_of(json.at("latest"), format);
    if (json.contains("next")) {
      versions.next = function_of(json["next"], format);
    }
    for (const Json& each : json.value("aliases", Json::array())) {
      const std::string name = each.at("name");
      versions.aliases.emplace(name, Alias{.name = name,
                                           .version = each.at("version"),
                                           .description = each.at("description"),
                                           .revision = each.at("revision"),
                                           .weights = each.at("weights")});
    }
    for (const Json& each : json.at("published")) {
      Function function = function_of(each, format);
      const auto number = version_number(function.version);
      versions.published.emplace(number, std::move(function));
    }
    return versions;
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", file.string(), error.what()));
  }
}

FunctionVersions decode_record(const std::string& text, const std::string& function) {
  const std::string where = "the record in the hosts' store";
  FunctionVersions versions = decode_versions(text, where);
  try {
    for (const Function& each : versions.kept()) {
      if (each.name != function) {
        throw std::runtime_error(
            fmt::format("name '{:.64}', expected that of the function, {}", each.name, function));
      }
      check_revision(each.revision);
      if (!each.archive.empty()) {
        check_archive_name(each.archive.string());
      }
    }
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", where, error.what()));
  }
  return versions;
}

}  // namespace platform
