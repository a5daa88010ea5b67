// SPDX-License-Identifier: Apache-2.0

#include "artifact/body.h"

#include <fmt/format.h>

#include <algorithm>

namespace platform::artifact {
namespace {

constexpr const char* kJsonType = "application/json";
// go-openapi's code of a member that is required and absent.
constexpr int kRequired = 602;

[[noreturn]] void refuse(const char* member, const char* expected) {
  throw Unfit(400, 400, fmt::format("{} in body: expected {}", member, expected));
}

Json parse(const httplib::Request& request, Body::Schema schema) {
  if (request.body.empty()) {
    if (schema == Body::Schema::required) {
      throw Unfit(422, kRequired, "body in body is required");
    }
    throw Unfit(400, 400, "the request has no body: expected JSON");
  }
  Json json = Json::parse(request.body, nullptr, false);
  if (json.is_discarded()) {
    throw Unfit(400, 400, "the request's body is not JSON");
  }
  return json;
}

std::int64_t integer(const Json& json, const char* member) {
  if (!json.is_number_integer() ||
      (json.is_number_unsigned() && json.get<std::uint64_t>() > std::uint64_t{INT64_MAX})) {
    refuse(member, "a whole number");
  }
  return json.get<std::int64_t>();
}

}  // namespace

void check_content_type(const httplib::Request& request) {
  const std::string type = request.get_header_value("Content-Type");
  std::string media = type.substr(0, type.find_first_of("; \t"));
  std::ranges::transform(media, media.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (media != kJsonType && (!type.empty() || !request.body.empty())) {
    throw Unfit(
        415, 415,
        fmt::format("unsupported media type \"{:.64}\", only [{}] are allowed", type, kJsonType));
  }
}

Body::Body(const httplib::Request& request, Schema schema) : json_(parse(request, schema)) {
  if (!json_.is_object()) {
    throw Unfit(400, 400, "the request's body: expected a JSON object");
  }
}

std::string Body::text(const char* member) const {
  const Json* found = find(member);
  if (found == nullptr) {
    return {};
  }
  if (!found->is_string()) {
    refuse(member, "a text");
  }
  return found->get<std::string>();
}

std::string Body::required_text(const char* member) const {
  if (find(member) == nullptr) {
    throw Unfit(422, kRequired, fmt::format("{} in body is required", member));
  }
  return text(member);
}

bool Body::flag(const char* member) const {
  const Json* found = find(member);
  if (found != nullptr && !found->is_boolean()) {
    refuse(member, "true or false");
  }
  return found != nullptr && found->get<bool>();
}

std::int64_t Body::number(const char* member, std::int64_t otherwise) const {
  const Json* found = find(member);
  return found == nullptr ? otherwise : integer(*found, member);
}

std::vector<std::int64_t> Body::numbers(const char* member) const {
  const Json* found = find(member);
  if (found != nullptr && !found->is_array()) {
    refuse(member, "a list of whole numbers");
  }
  std::vector<std::int64_t> numbers;
  if (found != nullptr) {
    for (const Json& each : *found) {
      numbers.push_back(integer(each, member));
    }
  }
  return numbers;
}

const Json* Body::find(const char* member) const {
  const auto found = json_.find(member);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

bool bare_flag(const httplib::Request& request) {
  const Json json = parse(request, Body::Schema::optional);
  if (!json.is_boolean()) {
    throw Unfit(400, 400, "the request's body: expected true or false");
  }
  return json.get<bool>();
}

}  // namespace platform::artifact
