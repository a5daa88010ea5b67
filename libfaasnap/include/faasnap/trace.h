#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/units.h>

namespace faasnap {

// Identifies a span within its trace; 0 is none.
using SpanId = std::uint64_t;

// One stretch of work, or a moment where `duration` is 0. `start` is since the Unix epoch.
struct Span {
  std::string name{};
  Nanoseconds start{0};
  Nanoseconds duration{0};
  std::map<std::string, std::string> tags{};
  // From Trace::new_span, for a span that others name before it has ended; 0: the trace chooses.
  SpanId id = 0;
  // The span that this one is a part of.
  SpanId parent = 0;
  // Who did the work.
  std::string service = "faasnap";
};

// What tells another process which span its own work belongs to (B3 propagation, the headers
// X-B3-TraceId and X-B3-SpanId). Empty `trace`: to none.
struct TraceContext {
  // As Trace::id.
  std::string trace{};
  SpanId span = 0;
};

// The spans of one invocation. Safe from any thread.
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
  // An id that no other span of this trace has.
  SpanId new_span();
  // Returns the span's id.
  SpanId add(Span span);
  // Each with its id.
  std::vector<Span> spans() const;
  // A JSON array of Zipkin v2 spans.
  std::string to_zipkin_json() const;
  // A JSON array of Chrome trace events: complete and instant ones, of a process `process`, with a
  // thread for each service, and more where spans of one overlap that are not parts of each other.
  std::string to_chrome_json(std::uint32_t process = 1) const;

 private:
  std::string id_;
  mutable std::mutex mutex_;
  SpanId last_id_ = 0;
  std::vector<Span> spans_;
};

}  // namespace faasnap
