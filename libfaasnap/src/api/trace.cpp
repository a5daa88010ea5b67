#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>

#include <faasnap/trace.h>

#include "api/json_text.h"
#include "base/clock.h"
#include "base/error.h"

namespace faasnap {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

std::string random_id() {
  std::uint64_t random[2];
  if (::getrandom(random, sizeof(random), 0) != sizeof(random)) {
    base::fail_errno("get random bytes");
  }
  return fmt::format("{:016x}{:016x}", random[0], random[1]);
}

// `number` identifies the span within its trace, and is not 0.
std::string zipkin_span(const std::string& trace_id, std::size_t number, const Span& span) {
  std::string tags;
  for (const auto& [key, value] : span.tags) {
    tags += fmt::format("{}{}:{}", tags.empty() ? "" : ",", api::json_string(key),
                        api::json_string(value));
  }
  // Zipkin takes a duration of 0 for an unknown one.
  const auto duration = std::max<long long>(1, duration_cast<microseconds>(span.duration).count());
  return fmt::format(R"({{"traceId":"{}","id":"{:016x}","name":{},"timestamp":{},"duration":{},)"
                     R"("localEndpoint":{{"serviceName":"faasnap"}},"tags":{{{}}}}})",
                     trace_id, number, api::json_string(span.name),
                     duration_cast<microseconds>(span.start).count(), duration, tags);
}

}  // namespace

Trace::Scope::Scope(Trace& trace, std::string name)
    : trace_(&trace),
      span_{std::move(name), base::realtime_now(), {}, {}},
      begun_(base::monotonic_now()) {}

Trace::Scope::~Scope() {
  span_.duration = base::monotonic_now() - begun_;
  try {
    trace_->add(std::move(span_));
  } catch (const std::bad_alloc&) {
    // A destructor must not throw; the trace lacks this span.
  }
}

void Trace::Scope::tag(std::string key, std::string value) {
  span_.tags.insert_or_assign(std::move(key), std::move(value));
}

Trace::Trace() : id_(random_id()) {}

void Trace::add(Span span) {
  const std::lock_guard lock(mutex_);
  spans_.push_back(std::move(span));
}

std::vector<Span> Trace::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

std::string Trace::to_zipkin_json() const {
  std::string json;
  std::size_t number = 0;
  for (const Span& span : spans()) {
    json += fmt::format("{}{}", json.empty() ? "" : ",", zipkin_span(id_, ++number, span));
  }
  return "[" + json + "]";
}

}  // namespace faasnap
