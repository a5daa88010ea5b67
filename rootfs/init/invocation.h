// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_INVOCATION_H_
#define FAASNAP_INIT_INVOCATION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace faasnap::init {

// What the process of a function is told of an invocation.
struct Event {
  // Names the invocation, in the Runtime API's paths.
  std::string id;
  std::string function;
  std::string body;
  std::string content_type;
  std::string client_context;
  std::string trace_id;
  // Differs from that of the invocation before if the machine has been restored in between; empty
  // if the host does not say.
  std::string vm_id;
  // Longest time that it may take; 0 for no limit.
  std::uint64_t timeout_ms = 0;
};

// How an invocation has ended.
struct Outcome {
  // The status for a host that asked by POST /invoke; 200 for a result.
  int status = 200;
  // The result; else a JSON object with errorType and errorMessage.
  std::string body;
  std::string content_type = "application/json";
  // Empty for a result.
  std::string error_type;
  std::string error_message;
  // Time between the process getting the event and its answer.
  std::int64_t handler_ns = 0;
  // The end of what the process has printed meanwhile.
  std::string log_tail;

  bool failed() const { return !error_type.empty(); }
};

Outcome failed_outcome(int status, std::string type, std::string message);
// That of a stream which ends before the result is complete.
Outcome truncated_outcome(const std::string& reason);

// An invocation, from the host's request to its reply. Function owns it, and ends its life by
// calling finish or end_stream.
class Invocation {
 public:
  explicit Invocation(Event its_event) : event(std::move(its_event)) {}
  virtual ~Invocation() = default;
  Invocation(const Invocation&) = delete;
  Invocation& operator=(const Invocation&) = delete;

  // True if the result may come in pieces.
  virtual bool takes_stream() const = 0;
  virtual void begin_stream(std::string_view content_type) = 0;
  virtual void stream(std::string_view piece) = 0;
  // Bytes of the stream that are still here, since the host has not taken them.
  virtual std::size_t unsent() const = 0;
  // Calls `callback` once when the host has taken everything, unless it is gone.
  virtual void when_sent(std::function<void()> callback) = 0;
  // The stream ends. A host that understands trailers gets the outcome in them, without the result;
  // to another one a failed stream does not look complete.
  virtual void end_stream(Outcome outcome) = 0;
  virtual void finish(Outcome outcome) = 0;

  Event event;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_INVOCATION_H_
