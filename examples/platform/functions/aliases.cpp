// SPDX-License-Identifier: Apache-2.0

#include "functions/aliases.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/random_id.h"

namespace platform {
namespace {

// Lambda's limits.
constexpr std::size_t kLongestAlias = 128;
constexpr std::size_t kMostWeights = 1;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A number would be taken for a version.
void check_alias_name(const std::string& name) {
  const bool fine = !name.empty() && name.size() <= kLongestAlias &&
                    std::ranges::all_of(name,
                                        [](char c) {
                                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                                 is_digit(c) || c == '-' || c == '_';
                                        }) &&
                    !std::ranges::all_of(name, is_digit);
  if (!fine) {
    throw RequestError(
        Refusal::invalid,
        fmt::format("Name '{:.128}': expected 1 to {} letters, digits, '-' and '_', and not digits "
                    "alone",
                    name, kLongestAlias));
  }
}

void check_version(const FunctionVersions& versions, const std::string& version) {
  if (versions.find(version) == nullptr) {
    throw RequestError(Refusal::not_found,
                       fmt::format("Function not found: {}:{:.64}", versions.latest.name, version));
  }
}

void check(const FunctionVersions& versions, const Alias& alias) {
  check_version(versions, alias.version);
  if (alias.weights.empty()) {
    return;
  }
  if (alias.weights.size() > kMostWeights || alias.version == kLatest ||
      alias.weights.contains(kLatest) || alias.weights.contains(alias.version)) {
    throw RequestError(Refusal::invalid,
                       "RoutingConfig: expected one published version beside FunctionVersion, "
                       "which is not $LATEST");
  }
  for (const auto& [version, weight] : alias.weights) {
    check_version(versions, version);
    if (!(weight >= 0 && weight <= 1)) {
      throw RequestError(Refusal::invalid,
                         fmt::format("RoutingConfig: weight {}: expected 0.0 to 1.0", weight));
    }
  }
}

void apply(const AliasSettings& settings, Alias& alias) {
  alias.version = settings.version.value_or(alias.version);
  alias.description = settings.description.value_or(alias.description);
  alias.weights = settings.weights.value_or(alias.weights);
  alias.revision = "r" + random_hex(16);
}

}  // namespace

Alias add_alias(FunctionVersions& versions, const std::string& name,
                const AliasSettings& settings) {
  check_alias_name(name);
  if (versions.aliases.contains(name)) {
    throw RequestError(Refusal::conflict,
                       fmt::format("Alias already exists: {}:{}", versions.latest.name, name));
  }
  Alias alias{.name = name};
  apply(settings, alias);
  check(versions, alias);
  versions.aliases.emplace(name, alias);
  return alias;
}

Alias change_alias(FunctionVersions& versions, const std::string& name,
                   const AliasSettings& settings) {
  Alias alias = find_alias(versions, name);
  apply(settings, alias);
  check(versions, alias);
  versions.aliases[name] = alias;
  return alias;
}

const Alias& find_alias(const FunctionVersions& versions, const std::string& name) {
  const auto found = versions.aliases.find(name);
  if (found == versions.aliases.end()) {
    throw RequestError(Refusal::not_found,
                       fmt::format("Cannot find alias: {}:{:.128}", versions.latest.name, name));
  }
  return found->second;
}

void refuse_if_aliased(const FunctionVersions& versions, const std::string& version) {
  for (const auto& [name, alias] : versions.aliases) {
    if (alias.version == version || alias.weights.contains(version)) {
      throw RequestError(Refusal::conflict,
                         fmt::format("version {} is in use by the alias '{}'", version, name));
    }
  }
}

std::string version_of(const Alias& alias, double chance) {
  for (const auto& [version, weight] : alias.weights) {
    if (chance < weight) {
      return version;
    }
    chance -= weight;
  }
  return alias.version;
}

}  // namespace platform
