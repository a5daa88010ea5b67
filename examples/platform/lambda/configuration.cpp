// SPDX-License-Identifier: Apache-2.0

#include "lambda/configuration.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/digest.h"
#include "base/error.h"

namespace platform::lambda {
namespace {

[[noreturn]] void refuse(const std::string& member, const char* reason) {
  throw RequestError(Refusal::invalid, fmt::format("{}: {}", member, reason));
}

std::optional<std::string> text_in(const Json& json, const char* member) {
  const auto found = json.find(member);
  if (found == json.end() || found->is_null()) {
    return std::nullopt;
  }
  if (!found->is_string()) {
    refuse(member, "expected a text");
  }
  return found->get<std::string>();
}

std::optional<std::uint64_t> number_in(const Json& json, const char* member) {
  const auto found = json.find(member);
  if (found == json.end() || found->is_null()) {
    return std::nullopt;
  }
  if (!found->is_number_unsigned()) {
    refuse(member, "expected a number that is not negative");
  }
  return found->get<std::uint64_t>();
}

std::optional<std::map<std::string, std::string>> environment_in(const Json& request) {
  const auto found = request.find("Environment");
  if (found == request.end() || found->is_null()) {
    return std::nullopt;
  }
  const Json variables = found->value("Variables", Json::object());
  std::map<std::string, std::string> environment;
  for (const auto& [name, value] : variables.items()) {
    if (!value.is_string() || name.empty() || name.find('=') != std::string::npos) {
      refuse("Environment.Variables", "expected names without '=' and texts");
    }
    environment[name] = value;
  }
  return environment;
}

// What would change how the function runs, and is not there.
void refuse_unsupported(const Json& request) {
  for (const char* member : {"Layers", "VpcConfig", "FileSystemConfigs", "ImageConfig"}) {
    const auto found = request.find(member);
    if (found != request.end() && !found->empty()) {
      refuse(member, "is not supported");
    }
  }
}

// What the waiters of Lambda's clients poll.
void add_state(Json& json, const Function& function) {
  using enum Making::Stage;
  const Making& creation = function.creation;
  const Making& update = function.update;
  json["State"] = creation.stage == done        ? "Active"
                  : creation.stage == under_way ? "Pending"
                                                : "Failed";
  if (creation.stage != done) {
    json["StateReason"] =
        creation.stage == under_way ? "The function is being created." : creation.reason;
    json["StateReasonCode"] = creation.stage == under_way ? "Creating" : "InvalidZipFileException";
  }
  json["LastUpdateStatus"] = update.stage == done        ? "Successful"
                             : update.stage == under_way ? "InProgress"
                                                         : "Failed";
  if (update.stage == failed) {
    json["LastUpdateStatusReason"] = update.reason;
    json["LastUpdateStatusReasonCode"] = "InvalidZipFileException";
  }
}

std::string arn(const Config& config, const std::string& function, const std::string& qualifier) {
  return fmt::format("arn:aws:lambda:{}:{}:function:{}{}{}", config.region, config.account,
                     function, qualifier.empty() ? "" : ":", qualifier);
}

std::optional<std::map<std::string, double>> weights_in(const Json& request) {
  const auto routing = request.find("RoutingConfig");
  if (routing == request.end() || routing->is_null()) {
    return std::nullopt;
  }
  const Json given =
      routing->is_object() ? routing->value("AdditionalVersionWeights", Json::object()) : Json();
  std::map<std::string, double> weights;
  for (const auto& [version, weight] : given.items()) {
    if (!given.is_object() || !weight.is_number()) {
      refuse("RoutingConfig.AdditionalVersionWeights", "expected versions and numbers");
    }
    weights[version] = weight;
  }
  return weights;
}

std::string time_text(std::chrono::milliseconds since_epoch) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}+0000", fmt::gmtime(seconds.count()),
                     (since_epoch - seconds).count());
}

}  // namespace

Json configuration(const Config& config, const Function& function, const std::string& qualifier) {
  Json json = {{"FunctionName", function.name},
               {"FunctionArn", arn(config, function.name, qualifier)},
               {"Role", function.role},
               {"CodeSize", function.code_size},
               {"Description", function.description},
               {"Timeout", function.timeout.count()},
               {"MemorySize", function.memory_mib},
               {"LastModified", time_text(function.modified)},
               {"CodeSha256", function.code_sha256},
               {"Version", function.version},
               {"RevisionId", function.revision},
               {"PackageType", function.archive.empty() ? "Image" : "Zip"},
               {"Architectures", {"x86_64"}}};
  add_state(json, function);
  if (!function.runtime.empty()) {
    json["Runtime"] = function.runtime;
  }
  if (!function.handler.empty()) {
    json["Handler"] = function.handler;
  }
  if (!function.environment.empty()) {
    json["Environment"] = {{"Variables", function.environment}};
  }
  return json;
}

Settings settings_of(const Json& request) {
  refuse_unsupported(request);
  Settings settings{.description = text_in(request, "Description"),
                    .handler = text_in(request, "Handler"),
                    .runtime = text_in(request, "Runtime"),
                    .role = text_in(request, "Role"),
                    .environment = environment_in(request),
                    .memory_mib = number_in(request, "MemorySize")};
  if (const auto timeout = number_in(request, "Timeout")) {
    if (*timeout > 900) {
      refuse("Timeout", "expected 1 to 900");
    }
    settings.timeout = std::chrono::seconds(*timeout);
  }
  return settings;
}

Json alias_configuration(const Config& config, const std::string& function, const Alias& alias) {
  Json json = {{"AliasArn", arn(config, function, alias.name)},
               {"Name", alias.name},
               {"FunctionVersion", alias.version},
               {"Description", alias.description},
               {"RevisionId", alias.revision}};
  if (!alias.weights.empty()) {
    json["RoutingConfig"] = {{"AdditionalVersionWeights", alias.weights}};
  }
  return json;
}

AliasSettings alias_settings_of(const Json& request) {
  // Whoever sends one relies on its being compared.
  if (text_in(request, "RevisionId")) {
    refuse("RevisionId", "is not supported");
  }
  return {.version = text_in(request, "FunctionVersion"),
          .description = text_in(request, "Description"),
          .weights = weights_in(request)};
}

Code code_of(const Json& members) {
  Code code{.image_uri = text_in(members, "ImageUri")};
  if (const auto zip = text_in(members, "ZipFile")) {
    code.zip = from_base64(*zip);
    if (!code.zip) {
      refuse("ZipFile", "expected base64");
    }
  }
  if (members.contains("S3Bucket")) {
    refuse("S3Bucket", "is not supported; send the archive as ZipFile");
  }
  return code;
}

Json parse_object(const std::string& body) {
  Json json = body.empty() ? Json::object() : Json::parse(body, nullptr, false);
  if (!json.is_object()) {
    throw RequestError(Refusal::invalid, "the request's body: expected a JSON object");
  }
  return json;
}

}  // namespace platform::lambda
