// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/units.h>

namespace faasnap {

// Identifies a span within its trace; 0 means no span.
using SpanId = std::uint64_t;

// A period of work, or a moment if `duration` is 0. `start` is since the Unix epoch.
struct Span {
  std::string name{};
  Nanoseconds start{0};
  Nanoseconds duration{0};
  std::map<std::string, std::string> tags{};
  // From Trace::new_span if others name the span before it has ended; if 0, the trace chooses it.
  SpanId id = 0;
  // The span that contains this one.
  SpanId parent = 0;
  // The program that did the work.
  std::string service = "faasnap";
};

// Tells another process the span that its own work belongs to (B3 propagation, the headers
// X-B3-TraceId and X-B3-SpanId). An empty `trace` means none.
struct TraceContext {
  // See Trace::id.
  std::string trace{};
  SpanId span = 0;
};

// The spans of one invocation. Safe to use from any thread.
class FAASNAP_EXPORT Trace {
 public:
  // Adds a span when it goes out of scope. The trace must outlive it.
  class FAASNAP_EXPORT Scope {
   public:
    Scope(Trace& trace, std::string name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    void tag(std::string key, std::string value);

   private:
    Trace* trace_;
    Span span_;
    Nanoseconds begun_;
  };

  Trace();
  // 32 lower-case hexadecimal digits, random.
  const std::string& id() const noexcept { return id_; }
  // Returns an id that no other span of this trace has.
  SpanId new_span();
  // Adds `span` and returns its id.
  SpanId add(Span span);
  // Returns the spans with their ids.
  std::vector<Span> spans() const;
  // Returns a JSON array of Zipkin v2 spans.
  std::string to_zipkin_json() const;
  // Returns a JSON array of Chrome trace events, complete and instant ones, of process `process`.
  // Each service has a thread, and further ones if its spans overlap without being nested.
  std::string to_chrome_json(std::uint32_t process = 1) const;

 private:
  std::string id_;
  mutable std::mutex mutex_;
  SpanId last_id_ = 0;
  std::vector<Span> spans_;
};

}  // namespace faasnap
