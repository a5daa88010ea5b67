// SPDX-License-Identifier: Apache-2.0

#include "function/agent_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"

namespace faasnap::function {
namespace {

// Keys stay in the order in which the function has set them.
using Json = nlohmann::ordered_json;

constexpr const char* kInvoking = "invoke function";
// Walking JSON that is nested more deeply could exhaust the stack.
constexpr int kDeepest = 500;
// Longer than any time that a guest may claim.
constexpr std::uint64_t kLongestTime = std::chrono::nanoseconds(std::chrono::hours(24)).count();

struct TooDeep {};

std::optional<Json> parse(std::string_view text) {
  const auto check_depth = [](int depth, Json::parse_event_t, const Json&) {
    if (depth > kDeepest) {
      throw TooDeep();
    }
    return true;
  };
  try {
    return Json::parse(text, check_depth);
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const TooDeep&) {
    return std::nullopt;
  }
}

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Nanoseconds> time_of(const Json& timings, const char* name) {
  const auto found = timings.find(name);
  if (found == timings.end() || !found->is_number_unsigned() ||
      found->get<std::uint64_t>() > kLongestTime) {
    return std::nullopt;
  }
  return Nanoseconds(found->get<std::int64_t>());
}

// Returns the member if it is `digits` lower-case hexadecimal digits; empty text otherwise.
std::string id_of(const Json& timings, const char* name, std::size_t digits) {
  const auto found = timings.find(name);
  if (found == timings.end() || !found->is_string()) {
    return {};
  }
  const auto& text = found->get_ref<const std::string&>();
  const bool is_id =
      text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_id ? text : std::string();
}

[[noreturn]] void reject(const char* reason) {
  base::fail(ErrorKind::guest, kInvoking, {},
             fmt::format("the agent's reply is malformed: {}", reason));
}

TraceContext caller_of(const Json& timings) {
  const std::string trace = id_of(timings, "trace_id", 32);
  const std::string span = id_of(timings, "span_id", 16);
  if (trace.empty() || span.empty()) {
    return {};
  }
  TraceContext caller{.trace = trace};
  std::from_chars(span.data(), span.data() + span.size(), caller.span, 16);
  return caller;
}

}  // namespace

FunctionReply parse_reply(std::string_view body) {
  const auto reply = parse(body);
  if (!reply || !reply->is_object() || !reply->contains("result")) {
    reject("expected a JSON object with a result");
  }
  const auto timings = reply->find("timings");
  if (timings == reply->end() || !timings->is_object()) {
    reject("expected timings");
  }
  const auto handler = time_of(*timings, "handler_ns");
  const auto agent = time_of(*timings, "total_ns");
  if (!handler || !agent) {
    reject("expected timings in nanoseconds, at most 24 hours");
  }
  return {.result = to_text((*reply)["result"]),
          .handler = *handler,
          .agent = *agent,
          .caller = caller_of(*timings)};
}

std::string reason_of(int status, std::string_view body) {
  const auto reply = parse(body);
  if (reply && reply->is_object() && reply->contains("error") && (*reply)["error"].is_string()) {
    return one_line((*reply)["error"].get_ref<const std::string&>());
  }
  return fmt::format("the agent answered with status {}", status);
}

std::string compact_object(std::string_view text) {
  const auto object = parse(text);
  if (!object || !object->is_object()) {
    base::fail(ErrorKind::invalid_argument, kInvoking, {}, "input is not a JSON object");
  }
  return to_text(*object);
}

std::string one_line(std::string_view text, std::size_t most) {
  std::string line(text.substr(0, most));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }, ' ');
  return line;
}

}  // namespace faasnap::function
