// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/config.h"
#include "metrics/metrics.h"

namespace platform {

// An asynchronous invocation.
struct Event {
  std::string id{};
  std::string function{};
  std::string version{};
  std::string payload{};
  std::string client_context{};
  // Attempts that have failed.
  unsigned failures = 0;
};

// What became of one attempt.
enum class Attempt {
  done,     // it has run
  failed,   // it counts as one of the attempts
  no_room,  // it does not count, and is repeated soon
  gone,     // the function is there no more
};

// Asynchronous invocations: each is a file before it is accepted, until it has run or was given up,
// so that it survives the platform; one that a crash interrupts runs again. Threads of its own run
// them. Safe from any thread.
class Events {
 public:
  Events(const Config& config, Metrics& metrics, std::function<Attempt(const Event&)> run);
  // Ends after the attempts under way.
  ~Events();

  // Throws Throttled if there are too many.
  void accept(Event event);
  std::size_t waiting() const;

 private:
  using Clock = std::chrono::steady_clock;

  std::filesystem::path file_of(const std::string& id) const;
  void load();
  void work(const std::stop_token& stop);
  void finish(Event event, Attempt attempt);

  const Config& config_;
  Metrics& metrics_;
  const std::function<Attempt(const Event&)> run_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // By the time of the next attempt.
  std::multimap<Clock::time_point, Event> due_;
  std::size_t running_ = 0;
  std::vector<std::jthread> workers_;
};

}  // namespace platform
