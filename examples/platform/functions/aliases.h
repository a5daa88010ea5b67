// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <optional>
#include <string>

#include "state/function_file.h"

namespace platform {

// What may be set of an alias; nothing leaves it as it is.
struct AliasSettings {
  std::optional<std::string> version{};
  std::optional<std::string> description{};
  std::optional<std::map<std::string, double>> weights{};
};

// These change the versions of a function in memory alone, and change nothing if they throw. They
// throw RequestError that says what is wrong.
Alias add_alias(FunctionVersions& versions, const std::string& name, const AliasSettings& settings);
Alias change_alias(FunctionVersions& versions, const std::string& name,
                   const AliasSettings& settings);

const Alias& find_alias(const FunctionVersions& versions, const std::string& name);
// Throws RequestError if an alias names the version.
void refuse_if_aliased(const FunctionVersions& versions, const std::string& version);

// Returns the version that an invocation by the alias runs. `chance` is from 0 to below 1.
std::string version_of(const Alias& alias, double chance);

}  // namespace platform
