// SPDX-License-Identifier: Apache-2.0

#include "tools/json.h"

namespace faasnap::tools {
namespace {

constexpr int kDeepest = 500;

struct TooDeep {};

}  // namespace

std::optional<Json> parse_json(std::string_view text, std::size_t* error_byte) {
  const auto check_depth = [](int depth, Json::parse_event_t, const Json&) {
    if (depth > kDeepest) {
      throw TooDeep();
    }
    return true;
  };
  try {
    return Json::parse(text, check_depth);
  } catch (const Json::parse_error& error) {
    if (error_byte != nullptr) {
      *error_byte = error.byte;
    }
  } catch (const Json::out_of_range&) {  // a number too large for a double
    if (error_byte != nullptr) {
      *error_byte = 0;
    }
  } catch (const TooDeep&) {
    if (error_byte != nullptr) {
      *error_byte = 0;
    }
  }
  return std::nullopt;
}

std::string to_text(const Json& json, bool indented) {
  return json.dump(indented ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace faasnap::tools
