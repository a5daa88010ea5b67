// SPDX-License-Identifier: Apache-2.0

#include "lambda/access.h"

#include <algorithm>
#include <cctype>

namespace platform::lambda {

void check_access(const auth::Gate& gate, const httplib::Request& request) {
  if (gate.is_open()) {
    return;
  }
  auth::Message message{.method = request.method, .target = request.target, .body = request.body};
  for (const auto& [name, value] : request.headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    message.headers.emplace(std::move(lower), value);
  }
  gate.check(message, std::chrono::system_clock::now());
}

}  // namespace platform::lambda
