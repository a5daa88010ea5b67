// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/config.h"
#include "functions/function.h"
#include "functions/registry.h"

namespace platform::lambda {

using Json = nlohmann::ordered_json;

// Lambda's FunctionConfiguration. `qualifier`, a version or an alias, is the end of the ARN; if it
// is empty the ARN is the function's.
Json configuration(const Config& config, const Function& function, const std::string& qualifier);
Json alias_configuration(const Config& config, const std::string& function, const Alias& alias);

// What a request of CreateFunction or UpdateFunctionConfiguration sets. Throws RequestError that
// names the member.
Settings settings_of(const Json& request);
// What a request gives as Code, or UpdateFunctionCode as its own members.
Code code_of(const Json& members);

// What a request of CreateAlias or UpdateAlias sets. Throws RequestError that names the member.
AliasSettings alias_settings_of(const Json& request);

// Parses a request's body. Throws RequestError unless it is an object.
Json parse_object(const std::string& body);

}  // namespace platform::lambda
