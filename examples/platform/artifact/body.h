// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <httplib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "artifact/reply.h"

namespace platform::artifact {

// The JSON of a request, read strictly: a member of another type is refused by name; a member that
// is absent or null has the value of zero, as in the artifact; unknown members are ignored. Every
// function throws Unfit.
class Body {
 public:
  // Whether the artifact's schema requires the body. Without it the request is refused either way,
  // with different statuses.
  enum class Schema { optional, required };

  // Reads a JSON object.
  explicit Body(const httplib::Request& request, Schema schema = Schema::optional);

  std::string text(const char* member) const;
  // Returns a text that the schema requires.
  std::string required_text(const char* member) const;
  bool flag(const char* member) const;
  std::int64_t number(const char* member, std::int64_t otherwise = 0) const;
  std::vector<std::int64_t> numbers(const char* member) const;

 private:
  const Json* find(const char* member) const;

  Json json_;
};

// Throws Unfit if the request has content of another type than JSON.
void check_content_type(const httplib::Request& request);
// Returns the bare JSON boolean that is the request's body. Throws Unfit.
bool bare_flag(const httplib::Request& request);

}  // namespace platform::artifact
