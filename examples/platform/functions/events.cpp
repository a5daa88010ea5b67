// SPDX-License-Identifier: Apache-2.0

#include "functions/events.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "policy/retry.h"
#include "state/files.h"

namespace platform {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kUntilThereIsRoom{1};

// The payload may be any bytes, so it follows the rest.
std::string encode(const Event& event) {
  return nlohmann::json{{"id", event.id},
                        {"function", event.function},
                        {"version", event.version},
                        {"client_context", event.client_context},
                        {"failures", event.failures}}
             .dump() +
         "\n" + event.payload;
}

Event decode_event(const std::string& text) {
  const auto end = text.find('\n');
  const auto json = nlohmann::json::parse(text.substr(0, end));
  return {.id = json.at("id"),
          .function = json.at("function"),
          .version = json.at("version"),
          .payload = text.substr(end + 1),
          .client_context = json.at("client_context"),
          .failures = json.at("failures")};
}

}  // namespace

Events::Events(const Config& config, Metrics& metrics, std::function<Attempt(const Event&)> run)
    : config_(config), metrics_(metrics), run_(std::move(run)) {
  load();
  for (unsigned i = 0; i < config.events.workers; ++i) {
    workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

Events::~Events() = default;

void Events::accept(Event event) {
  const std::lock_guard lock(mutex_);
  if (due_.size() + running_ >= config_.events.queue) {
    throw Throttled(
        fmt::format("{} asynchronous invocations wait, which is the limit", config_.events.queue),
        "events", retry_after(due_.size(), config_.events.workers, kUntilThereIsRoom));
  }
  write_durably(file_of(event.id), encode(event));
  due_.emplace(Clock::now(), std::move(event));
  changed_.notify_one();
}

std::size_t Events::waiting() const {
  const std::lock_guard lock(mutex_);
  return due_.size() + running_;
}

fs::path Events::file_of(const std::string& id) const { return config_.state / "events" / id; }

void Events::load() {
  fs::create_directories(config_.state / "events");
  for (const auto& entry : fs::directory_iterator(config_.state / "events")) {
    if (entry.path().extension() == ".new") {
      fs::remove(entry.path());
      continue;
    }
    try {
      due_.emplace(Clock::now(), decode_event(read_file(entry.path())));
    } catch (const std::exception& error) {
      log(LogLevel::error, fmt::format("{}: {}", entry.path().string(), error.what()));
    }
  }
}

void Events::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (due_.empty()) {
      changed_.wait(lock, stop, [this] { return !due_.empty(); });
      continue;
    }
    if (const auto next = due_.begin()->first; next > Clock::now()) {
      changed_.wait_until(lock, stop, next,
                          [&] { return due_.empty() || due_.begin()->first < next; });
      continue;
    }
    Event event = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    ++running_;
    lock.unlock();
    const Attempt attempt = run_(event);
    lock.lock();
    --running_;
    try {
      finish(std::move(event), attempt);
    } catch (const std::exception& error) {
      // Its file says what it said before: the event runs again after the next start.
      log(LogLevel::error, fmt::format("asynchronous invocations: {}", error.what()));
    }
  }
}

void Events::finish(Event event, Attempt attempt) {
  if (attempt == Attempt::no_room) {
    due_.emplace(Clock::now() + kUntilThereIsRoom, std::move(event));
  } else if (attempt == Attempt::failed && event.failures < config_.events.retries) {
    ++event.failures;
    write_durably(file_of(event.id), encode(event));
    metrics_.event_retry();
    due_.emplace(Clock::now() + pause_before_retry(event.failures, config_.events.retry_pause),
                 std::move(event));
  } else {
    if (attempt != Attempt::done) {
      log(LogLevel::warning, fmt::format("{}: event {} given up", event.function, event.id));
      metrics_.event_dropped();
    }
    remove_durably(file_of(event.id));
  }
}

}  // namespace platform
