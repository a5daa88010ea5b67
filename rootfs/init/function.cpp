// SPDX-License-Identifier: Apache-2.0

#include "function.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::int64_t kNanosecondsPerMs = 1'000'000;
// What an invocation without a limit is told: clients of the API want a deadline.
constexpr std::uint64_t kNoLimitMs = 24 * 3600 * 1000;

std::int64_t realtime_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * std::int64_t{1000} + now.tv_nsec / kNanosecondsPerMs;
}

void add_header(std::string& headers, const char* name, const std::string& value) {
  if (!value.empty()) {
    headers += format("%s: %s\r\n", name, value.c_str());
  }
}

std::string event_headers(const Event& event, const std::string& arn) {
  const std::uint64_t left = event.timeout_ms == 0 ? kNoLimitMs : event.timeout_ms;
  std::string headers;
  add_header(headers, "Lambda-Runtime-Aws-Request-Id", event.id);
  add_header(headers, "Lambda-Runtime-Deadline-Ms",
             format("%lld", static_cast<long long>(realtime_ms()) + static_cast<long long>(left)));
  add_header(headers, "Lambda-Runtime-Invoked-Function-Arn", arn);
  add_header(headers, "Lambda-Runtime-Trace-Id", event.trace_id);
  add_header(headers, "Lambda-Runtime-Client-Context", event.client_context);
  add_header(headers, "Faasnap-Function", event.function);
  add_header(headers, "Faasnap-Vm-Id", event.vm_id);
  return headers;
}

}  // namespace

Function::Function(EventLoop& loop, Options options, ReadyCallback ready)
    : loop_(loop), options_(std::move(options)), ready_(std::move(ready)), process_(loop) {}

void Function::start() {
  is_ready_ = is_ending_ = false;
  init_failure_.reset();
  process_.forget_log();
  process_.start(options_.process);
}

void Function::child_ended(pid_t child, int status) {
  if (child != process_.pid()) {
    return;
  }
  process_.ended();
  const std::string reason = "the function's process " + describe_end(status);
  say("%s", reason.c_str());
  for (HttpConnection* connection : std::exchange(parked_, {})) {
    connection->close();
  }
  if (restoring_ != nullptr) {
    restoring_->close();
  }
  const bool was_useful = !running_.empty() || is_ending_;
  fail_running(reason);
  if (was_useful) {
    // The answers may have brought new invocations, which have started it already.
    if (!waiting_.empty() && process_.pid() == 0) {
      start();
    }
    return;
  }
  // To start it again for those that wait might go on for ever.
  Outcome failure =
      init_failure_ ? *init_failure_ : failed_outcome(500, "Runtime.ExitError", reason);
  if (ready_) {
    die("the function does not start: %s: %s", failure.error_type.c_str(),
        failure.error_message.c_str());
  }
  failure.log_tail = process_.log_tail();
  fail_waiting(failure);
}

void Function::invoke(std::unique_ptr<Invocation> invocation) {
  waiting_.push_back(std::move(invocation));
  if (process_.pid() == 0) {
    start();
    return;
  }
  answer_restore();
  hand_out_all();
}

void Function::withdraw(const Invocation& invocation) {
  std::erase_if(waiting_, [&](const auto& waiting) { return waiting.get() == &invocation; });
}

void Function::next(HttpConnection& connection) {
  park(connection);
  become_ready();
  hand_out_all();
}

void Function::restore_next(HttpConnection& connection) {
  if (restoring_ != nullptr) {
    restoring_->close();
  }
  restoring_ = &connection;
  connection.when_gone([this] { restoring_ = nullptr; });
  become_ready();
  if (!waiting_.empty()) {
    answer_restore();
  }
}

void Function::init_failed(Outcome reason) {
  if (!is_ready_) {
    init_failure_ = std::move(reason);
  } else {
    // The hooks of a restored process have failed: it is of no use.
    fail_waiting(reason);
    is_ending_ = true;
  }
  process_.kill();
}

Invocation* Function::find_running(std::string_view id) {
  for (const Running& running : running_) {
    if (running.invocation->event.id == id) {
      return running.invocation.get();
    }
  }
  return nullptr;
}

void Function::begin_stream(const Invocation& invocation, std::string_view content_type) {
  const auto running = find(invocation);
  running->streams = true;
  running->invocation->begin_stream(content_type);
}

void Function::finish(const Invocation& invocation, Outcome outcome) {
  const Running running = remove(invocation);
  if (outcome.handler_ns == 0) {
    outcome.handler_ns = monotonic_now() - running.handed_out;
  }
  outcome.log_tail = process_.log_tail();
  if (!running.streams) {
    running.invocation->finish(std::move(outcome));
  } else {
    running.invocation->end_stream(outcome.failed()
                                       ? std::move(outcome)
                                       : truncated_outcome("the process sends another result"));
  }
  hand_out_all();
}

void Function::end_stream(const Invocation& invocation, Outcome outcome) {
  const Running running = remove(invocation);
  outcome.log_tail = process_.log_tail();
  running.invocation->end_stream(std::move(outcome));
  hand_out_all();
}

void Function::park(HttpConnection& connection) {
  parked_.push_back(&connection);
  connection.when_gone([this, gone = &connection] { std::erase(parked_, gone); });
}

void Function::become_ready() {
  is_ready_ = true;
  if (const auto ready = std::exchange(ready_, nullptr)) {
    ready();
  }
}

void Function::hand_out_all() {
  while (!parked_.empty() && !waiting_.empty() && !is_ending_ &&
         running_.size() < options_.concurrency) {
    HttpConnection* connection = parked_.front();
    parked_.pop_front();
    auto invocation = std::move(waiting_.front());
    waiting_.pop_front();
    hand_out(*connection, std::move(invocation));
  }
}

void Function::hand_out(HttpConnection& connection, std::unique_ptr<Invocation> invocation) {
  if (running_.empty()) {
    process_.forget_log();
  }
  Event& event = invocation->event;
  HttpReply reply;
  reply.headers = event_headers(event, options_.arn);
  reply.content_type = event.content_type;
  reply.body = std::exchange(event.body, {});
  Running running{std::move(invocation), monotonic_now(), std::nullopt};
  if (event.timeout_ms != 0) {
    const auto limit = static_cast<std::int64_t>(event.timeout_ms) * kNanosecondsPerMs;
    running.timer = loop_.at(running.handed_out + limit, [this, id = event.id] { time_out(id); });
  }
  running_.push_back(std::move(running));
  process_.wake_here([&] { connection.reply(std::move(reply)); });
}

void Function::answer_restore() {
  if (HttpConnection* connection = std::exchange(restoring_, nullptr)) {
    process_.wake_here([&] { connection->reply({}); });
  }
}

void Function::time_out(std::string id) {
  const auto running = find(*find_running(id));
  running->timer.reset();
  is_ending_ = true;
  process_.kill();
  const std::uint64_t limit = running->invocation->event.timeout_ms;
  finish(*running->invocation,
         failed_outcome(504, "Sandbox.Timedout",
                        format("the invocation timed out after %llu.%03llu seconds",
                               static_cast<unsigned long long>(limit / 1000),
                               static_cast<unsigned long long>(limit % 1000))));
}

std::list<Function::Running>::iterator Function::find(const Invocation& invocation) {
  return std::find_if(running_.begin(), running_.end(), [&](const Running& running) {
    return running.invocation.get() == &invocation;
  });
}

Function::Running Function::remove(const Invocation& invocation) {
  const auto found = find(invocation);
  Running running = std::move(*found);
  running_.erase(found);
  if (running.timer) {
    loop_.cancel(*running.timer);
  }
  return running;
}

void Function::fail_running(const std::string& reason) {
  while (!running_.empty()) {
    finish(*running_.front().invocation, failed_outcome(500, "Runtime.ExitError", reason));
  }
}

void Function::fail_waiting(const Outcome& outcome) {
  for (auto& invocation : std::exchange(waiting_, {})) {
    invocation->finish(outcome);
  }
}

}  // namespace faasnap::init
