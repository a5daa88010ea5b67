// SPDX-License-Identifier: Apache-2.0

#include "artifact/traces.h"

#include <algorithm>

namespace platform::artifact {
namespace {

using std::chrono::nanoseconds;

// The artifact's name of itself.
constexpr const char* kService = "daemon";

// Zipkin keeps names in lower case.
std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

}  // namespace

RequestTrace::RequestTrace()
    : begun_at_(std::chrono::system_clock::now().time_since_epoch()), root_(trace_.new_span()) {}

void RequestTrace::add(const std::string& name, Clock::time_point begun, nanoseconds duration) {
  trace_.add({.name = lower(name),
              .start = since_epoch(begun),
              .duration = duration,
              .parent = root_,
              .service = kService});
}

void RequestTrace::end(const httplib::Request& request, const httplib::Response& response) {
  std::map<std::string, std::string> tags = {
      {"http.method", request.method},
      {"http.path", request.path},
      {"http.host", request.get_header_value("Host")},
      {"http.user_agent", request.get_header_value("User-Agent")},
      {"http.status_code", std::to_string(response.status)}};
  if (response.status >= 400) {
    tags["error"] = response.body;
  }
  trace_.add({.name = lower(request.path),
              .start = begun_at_,
              .duration = Clock::now() - begun_,
              .tags = std::move(tags),
              .id = root_,
              .service = kService});
}

std::string RequestTrace::zipkin() const {
  Json spans = Json::parse(trace_.to_zipkin_json());
  for (Json& span : spans) {
    if (!span.contains("parentId")) {
      span["kind"] = "SERVER";
    }
  }
  return spans.dump(-1, ' ', false, Json::error_handler_t::replace);
}

nanoseconds RequestTrace::since_epoch(Clock::time_point time) const {
  return begun_at_ + (time - begun_);
}

std::shared_ptr<RequestTrace> Traces::begin() {
  auto trace = std::make_shared<RequestTrace>();
  const std::lock_guard lock(mutex_);
  traces_.emplace(trace->id(), trace);
  order_.push_back(trace->id());
  if (order_.size() > kMost) {
    traces_.erase(order_.front());
    order_.pop_front();
  }
  return trace;
}

std::shared_ptr<RequestTrace> Traces::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = traces_.find(id);
  return found == traces_.end() ? nullptr : found->second;
}

}  // namespace platform::artifact
