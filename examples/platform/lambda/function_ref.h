// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

namespace platform::lambda {

// What a FunctionName of Lambda's interface names: NAME, NAME:QUALIFIER, ACCOUNT:function:NAME or
// an ARN, both with or without a qualifier.
struct FunctionRef {
  std::string name{};
  std::optional<std::string> qualifier{};
};

// `query` is the parameter Qualifier; empty if there is none. Throws RequestError if the text is
// none of the forms, or contradicts `query`.
FunctionRef parse_function_ref(const std::string& text, const std::string& query);

}  // namespace platform::lambda
