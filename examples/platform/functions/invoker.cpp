// SPDX-License-Identifier: Apache-2.0

#include "functions/invoker.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace platform {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kRemembered = 100;

// Returns the time since `begun`, and begins anew.
std::chrono::nanoseconds lap(Clock::time_point& begun) {
  const auto now = Clock::now();
  return now - std::exchange(begun, now);
}

}  // namespace

Invoker::Invoker(const Config& config, Fleet& fleet, Snapshots& snapshots, Metrics& metrics,
                 std::string unusable)
    : config_(config),
      fleet_(fleet),
      snapshots_(snapshots),
      metrics_(metrics),
      unusable_(std::move(unusable)),
      admission_(config.limits) {}

Outcome Invoker::invoke(const Invocation& invocation, const AnswerSink* sink) {
  const std::string& name = invocation.function.name;
  Outcome outcome;
  try {
    check_usable();
    run(invocation, outcome, sink);
    metrics_.invocation(name, outcome);
    remember(invocation, outcome, outcome.error.empty() ? "ok" : "function_error", {});
    return outcome;
  } catch (const Throttled& error) {
    metrics_.throttled(error.limit());
    metrics_.refused(name, "throttled");
    remember(invocation, outcome, "throttled", error.what());
    throw;
  } catch (const std::exception& error) {
    log(LogLevel::error, name + ": " + error.what());
    metrics_.refused(name, "failed");
    remember(invocation, outcome, "failed", error.what());
    if (dynamic_cast<const RequestError*>(&error) != nullptr) {
      throw;
    }
    throw RequestError(Refusal::unavailable, error.what());
  }
}

void Invoker::run(const Invocation& invocation, Outcome& outcome, const AnswerSink* sink) {
  const Function& function = invocation.function;
  auto time = Clock::now();
  const Admission::Slot slot =
      admission_.enter({.function = function.name,
                        .concurrency = function.concurrency.value_or(config_.limits.concurrency),
                        .memory_mib = function.memory_mib});
  outcome.queued = lap(time);
  std::unique_ptr<Machine> machine = fleet_.take(function);
  // Running and idle VMs together stay within the host's memory.
  fleet_.shrink(config_.limits.memory_mib - admission_.load().memory_mib);
  outcome.start = machine->start;
  outcome.vm = machine->vm.id();
  outcome.started = lap(time);
  platform::invoke(*machine, invocation, outcome, sink);
  outcome.invoked = lap(time);
  if (outcome.start != Start::warm) {
    metrics_.first_use(outcome.start, machine->vm.stats());
  }
  if (outcome.error.empty()) {
    snapshots_.note_misses(*machine);
    snapshots_.want(function, invocation.payload);
  }
  fleet_.give_back(std::move(machine));
}

void Invoker::check_usable() const {
  if (!unusable_.empty()) {
    throw RequestError(Refusal::unavailable, "no VM can run on this host: " + unusable_);
  }
}

Admission::Slot Invoker::make_room(const Admission::Need& need) {
  check_usable();
  Admission::Slot slot = admission_.enter(need);
  fleet_.shrink(config_.limits.memory_mib - admission_.load().memory_mib);
  return slot;
}

std::vector<Invoker::Past> Invoker::past() const {
  const std::lock_guard lock(mutex_);
  return {past_.begin(), past_.end()};
}

void Invoker::remember(const Invocation& invocation, const Outcome& outcome, const char* result,
                       const std::string& reason) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::lock_guard lock(mutex_);
  past_.push_front({.time = std::chrono::duration_cast<std::chrono::milliseconds>(now),
                    .function = invocation.function.name,
                    .version = invocation.function.version,
                    .request_id = invocation.request_id,
                    .vm = outcome.vm,
                    .result = result,
                    .reason = reason,
                    .start = outcome.start,
                    .queued = outcome.queued,
                    .started = outcome.started,
                    .invoked = outcome.invoked});
  if (past_.size() > kRemembered) {
    past_.pop_back();
  }
}

}  // namespace platform
