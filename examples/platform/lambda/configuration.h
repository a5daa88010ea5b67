// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/config.h"
#include "functions/function.h"
#include "functions/registry.h"

namespace platform::lambda {

using Json = nlohmann::ordered_json;

// Lambda's FunctionConfiguration. An ARN has the version if `qualified`.
Json configuration(const Config& config, const Function& function, bool qualified);

// What a request of CreateFunction or UpdateFunctionConfiguration sets. Throws RequestError that
// names the member.
Settings settings_of(const Json& request);
// What a request gives as Code, or UpdateFunctionCode as its own members.
Code code_of(const Json& members);

// Parses a request's body. Throws RequestError unless it is an object.
Json parse_object(const std::string& body);

}  // namespace platform::lambda
