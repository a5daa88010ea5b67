// SPDX-License-Identifier: Apache-2.0

#include "image_config.h"

#include <cerrno>
#include <cstring>
#include <limits>

#include "json_members.h"
#include "rapidjson.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::size_t kLargestConfig = 1 << 20;
constexpr std::uint64_t kMostInvocations = 64;

void read_members(const rapidjson::Value& object, ImageConfig& config, std::string& error) {
  constexpr auto kMost = std::uint64_t{std::numeric_limits<std::uint32_t>::max()};
  JsonMembers members(object, "", error);
  members.texts("Entrypoint", config.command);
  members.texts("Cmd", config.command);
  members.texts("Env", config.environment);
  members.text("WorkingDir", config.working_directory);
  members.text("User", config.user);
  if (const auto* own = members.object("Faasnap")) {
    JsonMembers faasnap(*own, "Faasnap.", error);
    faasnap.text("Name", config.name);
    faasnap.text("Handler", config.handler);
    faasnap.number("Concurrency", 1, kMostInvocations, config.concurrency);
    faasnap.number("TimeoutMs", 0, kMost, config.timeout_ms);
    faasnap.number("MemoryMiB", 0, kMost, config.memory_mib);
  }
}

}  // namespace

std::optional<ImageConfig> parse_image_config(std::string_view text, std::string& error) {
  rapidjson::Document document;
  document.Parse<kJsonFlags>(text.data(), text.size());
  if (document.HasParseError()) {
    error =
        format("not JSON: %s at byte %zu", rapidjson::GetParseError_En(document.GetParseError()),
               document.GetErrorOffset());
    return std::nullopt;
  }
  if (!document.IsObject()) {
    error = "expected a JSON object";
    return std::nullopt;
  }
  ImageConfig config;
  read_members(document, config, error);
  if (error.empty() && config.command.empty()) {
    error = "expected a program in Entrypoint or Cmd";
  }
  if (!error.empty()) {
    return std::nullopt;
  }
  return config;
}

ImageConfig read_image_config(const std::string& path) {
  errno = 0;
  const auto text = read_file(path.c_str(), kLargestConfig);
  if (!text) {
    die("%s: %s", path.c_str(), errno == 0 ? "larger than 1 MiB" : std::strerror(errno));
  }
  std::string error;
  auto config = parse_image_config(*text, error);
  if (!config) {
    die("%s: %s", path.c_str(), error.c_str());
  }
  return std::move(*config);
}

}  // namespace faasnap::init
