// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "base/config.h"
#include "functions/fleet.h"
#include "functions/invocation.h"
#include "functions/snapshots.h"
#include "metrics/metrics.h"
#include "policy/admission.h"

namespace platform {

// Runs invocations: waits for room, takes a VM, invokes, keeps the VM, and has a snapshot recorded
// after the first success. Safe from any thread.
class Invoker {
 public:
  // A past invocation, for people.
  struct Past {
    std::chrono::milliseconds time{0};
    std::string function;
    std::string version;
    std::string request_id;
    std::string vm;
    // "ok", "function_error", "failed" or "throttled".
    std::string result;
    std::string reason;
    Start start = Start::booted;
    std::chrono::nanoseconds queued{0};
    std::chrono::nanoseconds started{0};
    std::chrono::nanoseconds invoked{0};
  };

  // `unusable` says why no VM can run here; empty if VMs can.
  Invoker(const Config& config, Fleet& fleet, Snapshots& snapshots, Metrics& metrics,
          std::string unusable);

  // Gives the answer to `sink`, if there is one. Throws RequestError: Throttled, or
  // Refusal::unavailable if the VM fails.
  Outcome invoke(const Invocation& invocation, const AnswerSink* sink = nullptr);
  // Throws RequestError if no VM can run here.
  void check_usable() const;
  // Waits for room for a VM of another interface, and ends idle ones whose memory it takes. Throws
  // as invoke does.
  Admission::Slot make_room(const Admission::Need& need);
  // Ends what waits, and lets nothing begin.
  void close() { admission_.close(); }

  Admission::Load load() const { return admission_.load(); }
  // The latest first.
  std::vector<Past> past() const;

 private:
  void run(const Invocation& invocation, Outcome& outcome, const AnswerSink* sink);
  void remember(const Invocation& invocation, const Outcome& outcome, const char* result,
                const std::string& reason);

  const Config& config_;
  Fleet& fleet_;
  Snapshots& snapshots_;
  Metrics& metrics_;
  const std::string unusable_;
  Admission admission_;
  mutable std::mutex mutex_;
  std::deque<Past> past_;
};

}  // namespace platform
