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

std::string json_object(const std::map<std::string, std::string>& members) {
  std::string json;
  for (const auto& [key, value] : members) {
    json += fmt::format("{}{}:{}", json.empty() ? "" : ",", api::json_string(key),
                        api::json_string(value));
  }
  return "{" + json + "}";
}

std::string zipkin_span(const std::string& trace_id, const Span& span) {
  const std::string parent =
      span.parent == 0 ? std::string() : fmt::format(R"("parentId":"{:016x}",)", span.parent);
  // Zipkin takes a duration of 0 for an unknown one.
  const auto duration = std::max<long long>(1, duration_cast<microseconds>(span.duration).count());
  return fmt::format(R"({{"traceId":"{}","id":"{:016x}",{}"name":{},"timestamp":{},"duration":{},)"
                     R"("localEndpoint":{{"serviceName":{}}},"tags":{}}})",
                     trace_id, span.id, parent, api::json_string(span.name),
                     duration_cast<microseconds>(span.start).count(), duration,
                     api::json_string(span.service), json_object(span.tags));
}

double in_microseconds(Nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// Times in microseconds, with decimals.
std::string chrome_event(std::uint32_t process, std::size_t thread, const Span& span) {
  const std::string phase =
      span.duration == Nanoseconds(0)
          ? R"("ph":"i","s":"t")"
          : fmt::format(R"("ph":"X","dur":{:.3f})", in_microseconds(span.duration));
  return fmt::format(R"({{"name":{},"pid":{},"tid":{},{},"ts":{:.3f},"args":{}}})",
                     api::json_string(span.name), process, thread, phase,
                     in_microseconds(span.start), json_object(span.tags));
}

std::string chrome_name(std::uint32_t process, std::size_t thread, const char* of,
                        const std::string& name) {
  return fmt::format(R"({{"name":"{}","ph":"M","pid":{},"tid":{},"args":{{"name":{}}}}})", of,
                     process, thread, api::json_string(name));
}

// The elements of a JSON array.
class JsonArray {
 public:
  void add(const std::string& element) { elements_ += (elements_.empty() ? "" : ",") + element; }
  std::string text() const { return "[" + elements_ + "]"; }

 private:
  std::string elements_;
};

}  // namespace

Trace::Scope::Scope(Trace& trace, std::string name)
    : trace_(&trace),
      span_{.name = std::move(name), .start = base::realtime_now()},
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

SpanId Trace::new_span() {
  const std::lock_guard lock(mutex_);
  return ++last_id_;
}

SpanId Trace::add(Span span) {
  const std::lock_guard lock(mutex_);
  if (span.id == 0) {
    span.id = ++last_id_;
  }
  spans_.push_back(std::move(span));
  return spans_.back().id;
}

std::vector<Span> Trace::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

std::string Trace::to_zipkin_json() const {
  JsonArray array;
  for (const Span& span : spans()) {
    array.add(zipkin_span(id_, span));
  }
  return array.text();
}

std::string Trace::to_chrome_json(std::uint32_t process) const {
  JsonArray array;
  array.add(chrome_name(process, 0, "process_name", "trace " + id_));
  std::vector<std::string> services;
  for (const Span& span : spans()) {
    auto service = std::find(services.begin(), services.end(), span.service);
    if (service == services.end()) {
      service = services.insert(services.end(), span.service);
      array.add(chrome_name(process, services.size(), "thread_name", span.service));
    }
    const auto thread = static_cast<std::size_t>(service - services.begin()) + 1;
    array.add(chrome_event(process, thread, span));
  }
  return array.text();
}

}  // namespace faasnap
