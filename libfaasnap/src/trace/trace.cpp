// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include <faasnap/trace.h>

#include "base/clock.h"
#include "base/random.h"

namespace faasnap {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

// Returns `text` as a JSON string, with the quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_string(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_object(const std::map<std::string, std::string>& members) {
  std::string json;
  for (const auto& [key, value] : members) {
    json += fmt::format("{}{}:{}", json.empty() ? "" : ",", json_string(key), json_string(value));
  }
  return "{" + json + "}";
}

std::string zipkin_span(const std::string& trace_id, const Span& span) {
  const std::string parent =
      span.parent == 0 ? std::string() : fmt::format(R"("parentId":"{:016x}",)", span.parent);
  // Zipkin takes a duration of 0 for unknown.
  const auto duration = std::max<long long>(1, duration_cast<microseconds>(span.duration).count());
  return fmt::format(R"({{"traceId":"{}","id":"{:016x}",{}"name":{},"timestamp":{},"duration":{},)"
                     R"("localEndpoint":{{"serviceName":{}}},"tags":{}}})",
                     trace_id, span.id, parent, json_string(span.name),
                     duration_cast<microseconds>(span.start).count(), duration,
                     json_string(span.service), json_object(span.tags));
}

double in_microseconds(Nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// Writes times in microseconds, with decimals.
std::string chrome_event(std::uint32_t process, std::size_t thread, const Span& span) {
  const std::string phase =
      span.duration == Nanoseconds(0)
          ? R"("ph":"i","s":"t")"
          : fmt::format(R"("ph":"X","dur":{:.3f})", in_microseconds(span.duration));
  return fmt::format(R"({{"name":{},"pid":{},"tid":{},{},"ts":{:.3f},"args":{}}})",
                     json_string(span.name), process, thread, phase, in_microseconds(span.start),
                     json_object(span.tags));
}

std::string chrome_name(std::uint32_t process, std::size_t thread, const char* of,
                        const std::string& name) {
  return fmt::format(R"({{"name":"{}","ph":"M","pid":{},"tid":{},"args":{{"name":{}}}}})", of,
                     process, thread, json_string(name));
}

// Assigns spans to the threads of Chrome's viewer. The spans of a thread must be nested: spans that
// overlap otherwise, such as those of parallel loads, get further threads of the same service.
class ChromeThreads {
 public:
  struct Place {
    std::size_t thread;
    // Set for a thread's first span only.
    std::string name;
  };

  // Must be called in order of the spans' starts, the longer span first.
  Place place(const Span& span) {
    std::size_t of_service = 0;
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      if (threads_[i].service == span.service) {
        ++of_service;
        if (threads_[i].takes(span)) {
          return {i + 1, {}};
        }
      }
    }
    threads_.push_back({span.service, {}});
    threads_.back().takes(span);
    return {threads_.size(),
            of_service == 0 ? span.service : fmt::format("{} {}", span.service, of_service + 1)};
  }

 private:
  struct Thread {
    std::string service;
    // Ends of the spans that can contain the next one, the innermost last.
    std::vector<Nanoseconds> ends;

    bool takes(const Span& span) {
      while (!ends.empty() && ends.back() <= span.start) {
        ends.pop_back();
      }
      const Nanoseconds end = span.start + span.duration;
      if (!ends.empty() && end > ends.back()) {
        return false;
      }
      ends.push_back(end);
      return true;
    }
  };

  std::vector<Thread> threads_;
};

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

Trace::Trace() : id_(base::random_id()) {}

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
  std::vector<Span> sorted = spans();
  std::stable_sort(sorted.begin(), sorted.end(), [](const Span& a, const Span& b) {
    return a.start != b.start ? a.start < b.start : a.duration > b.duration;
  });
  ChromeThreads threads;
  for (const Span& span : sorted) {
    const auto [thread, name] = threads.place(span);
    if (!name.empty()) {
      array.add(chrome_name(process, thread, "thread_name", name));
    }
    array.add(chrome_event(process, thread, span));
  }
  return array.text();
}

}  // namespace faasnap
