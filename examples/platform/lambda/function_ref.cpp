// SPDX-License-Identifier: Apache-2.0

#include "lambda/function_ref.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"

namespace platform::lambda {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (;;) {
    const auto end = text.find(':', begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) {
      return parts;
    }
    begin = end + 1;
  }
}

}  // namespace

FunctionRef parse_function_ref(const std::string& text, const std::string& query) {
  std::vector<std::string> parts = split(text);
  // arn:aws:lambda:REGION:ACCOUNT:function:NAME, and the part of it from ACCOUNT on.
  const std::size_t name = text.starts_with("arn:") ? 6 : parts.size() > 2 ? 2 : 0;
  const bool fine = parts.size() > name && parts.size() <= name + 2 && !parts[name].empty() &&
                    (name == 0 || parts[name - 1] == "function");
  if (!fine) {
    throw RequestError(Refusal::invalid,
                       fmt::format("FunctionName '{:.170}': expected a name or an ARN", text));
  }
  FunctionRef ref{parts[name], std::nullopt};
  if (parts.size() == name + 2) {
    ref.qualifier = parts.back();
  }
  if (!query.empty()) {
    if (ref.qualifier && *ref.qualifier != query) {
      throw RequestError(Refusal::invalid,
                         fmt::format("the qualifier '{}' of the function's name and the parameter "
                                     "Qualifier '{}' differ",
                                     *ref.qualifier, query));
    }
    ref.qualifier = query;
  }
  return ref;
}

}  // namespace platform::lambda
