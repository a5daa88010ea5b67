// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <httplib.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <faasnap/trace.h>

#include "artifact/reply.h"

namespace platform::artifact {

// The spans of one request: a root, and children of it, as the artifact's daemon sends them to
// Zipkin. Safe from any thread.
class RequestTrace {
 public:
  using Clock = std::chrono::steady_clock;

  // A child that lasts until the object ends.
  class Child {
   public:
    Child(RequestTrace& trace, std::string name) : trace_(trace), name_(std::move(name)) {}
    ~Child() { trace_.add(name_, begun_, Clock::now() - begun_); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

   private:
    RequestTrace& trace_;
    const std::string name_;
    const Clock::time_point begun_ = Clock::now();
  };

  RequestTrace();

  const std::string& id() const noexcept { return trace_.id(); }
  void add(const std::string& name, Clock::time_point begun, std::chrono::nanoseconds duration);
  // Adds the root, which lasts from the construction until now.
  void end(const httplib::Request& request, const httplib::Response& response);
  // Returns the spans as Zipkin's interface does (v2).
  std::string zipkin() const;

 private:
  std::chrono::nanoseconds since_epoch(Clock::time_point time) const;

  const std::chrono::nanoseconds begun_at_;
  const Clock::time_point begun_ = Clock::now();
  faasnap::Trace trace_;
  const faasnap::SpanId root_;
};

// The traces of the last requests, in memory. Safe from any thread.
class Traces {
 public:
  static constexpr std::size_t kMost = 1000;

  std::shared_ptr<RequestTrace> begin();
  // Returns null for a trace that is not known, or not known any more.
  std::shared_ptr<RequestTrace> find(const std::string& id) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<RequestTrace>> traces_;
  // The oldest first.
  std::deque<std::string> order_;
};

}  // namespace platform::artifact
