#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/units.h>

namespace faasnap {

// One stretch of work. `start` is since the Unix epoch.
struct Span {
  std::string name;
  Nanoseconds start{0};
  Nanoseconds duration{0};
  std::map<std::string, std::string> tags;
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
  void add(Span span);
  std::vector<Span> spans() const;
  // A JSON array of Zipkin v2 spans, the service name being "faasnap".
  std::string to_zipkin_json() const;

 private:
  std::string id_;
  mutable std::mutex mutex_;
  std::vector<Span> spans_;
};

}  // namespace faasnap
