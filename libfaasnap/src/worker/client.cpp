// SPDX-License-Identifier: Apache-2.0

#include "worker/client.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/deadline.h"
#include "base/error.h"
#include "base/threads/thread.h"
#include "base/vm_state.h"

namespace faasnap::worker {
namespace {

// How long the worker may leave a message unread.
constexpr Nanoseconds kSendingLimit = std::chrono::seconds(10);

template <typename Number>
Kind kind_of(Number number) {
  return static_cast<Kind>(number);
}

}  // namespace

Client::Client(const WorkerOptions& options) {
  // The kernel kills the worker when the thread that started it ends; this one lives as long as it.
  thread_ = base::start_thread("faasnap-worker", [this, options] { run(options); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ready_ || failure_ || !end_.empty(); });
  if (ready_) {
    return;
  }
  lock.unlock();
  thread_.join();
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  base::fail(ErrorKind::internal, kStart, {}, end_);
}

Client::~Client() {
  if (process_) {
    process_->kill();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Client::kill() noexcept { process_->kill(); }

bool Client::alive() const {
  const std::lock_guard lock(mutex_);
  return end_.empty();
}

void Client::assign(const WorkerOptions& options, Callbacks callbacks) {
  if (options.complete && !info_.missing.empty()) {
    base::fail(
        ErrorKind::unsupported, kStart, {},
        fmt::format("the host refuses a part of its confinement: {}", info_.missing.front()));
  }
  if (!options.cgroup.empty()) {
    process_->enter(options.cgroup);
  }
  const std::lock_guard lock(mutex_);
  require_alive(kStart);
  callbacks_ = std::move(callbacks);
}

void Client::require_alive(const char* operation) const {
  if (!end_.empty()) {
    base::fail(ErrorKind::guest, operation, {}, base::describe_end(VmState::internal_error, end_));
  }
}

// Keeps a place for the answer of a call.
class Client::Waiting {
 public:
  explicit Waiting(Client& client) : client_(client) {
    const std::lock_guard lock(client.mutex_);
    number_ = ++client.last_call_;
    place_ = &client.pending_[number_];
  }
  ~Waiting() {
    const std::lock_guard lock(client_.mutex_);
    client_.pending_.erase(number_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  std::uint64_t number() const noexcept { return number_; }
  // Needs the client's mutex.
  Pending& place() noexcept { return *place_; }

 private:
  Client& client_;
  std::uint64_t number_ = 0;
  Pending* place_ = nullptr;
};

std::vector<std::byte> Client::call(Kind kind, const char* operation,
                                    std::span<const std::byte> body, const CallOptions& options) {
  const base::Deadline deadline(options.timeout);
  Waiting waiting(*this);
  send(kind, waiting.number(), body, options.files);
  std::unique_lock lock(mutex_);
  for (;;) {
    Pending& place = waiting.place();
    const bool changed = changed_.wait_until(
        lock, deadline.end(), [&] { return place.answer || place.progress || !end_.empty(); });
    if (place.answer) {
      const Message answer = std::move(*place.answer);
      lock.unlock();
      if (kind_of(answer.kind) == Kind::failed) {
        ErrorText error;
        decode(answer.body, error);
        raise(error);
      }
      return answer.body;
    }
    require_alive(operation);
    if (!changed) {
      base::fail(ErrorKind::timeout, operation, {}, "the worker did not answer in time");
    }
    const auto [done, total] = *std::exchange(place.progress, std::nullopt);
    lock.unlock();
    const bool goes_on = !options.progress || options.progress(done, total);
    send(Kind::go_on, waiting.number(), encode(goes_on), {});
    lock.lock();
  }
}

void Client::send(Kind kind, std::uint64_t call, std::span<const std::byte> body,
                  std::span<const int> files) {
  try {
    channel_->send(static_cast<std::uint32_t>(kind), call, body, files);
  } catch (const Error&) {
    // A worker that does not listen is of no use; its end answers every call.
    process_->kill();
  }
}

void Client::run(const WorkerOptions& options) {
  try {
    process_ = std::make_unique<Process>(options);
    channel_ = std::make_unique<Channel>(process_->take_socket());
    channel_->limit_sending(kSendingLimit);
    receive();
    end(process_->wait());
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

// Returns when the worker has ended.
void Client::receive() {
  try {
    while (auto message = channel_->receive()) {
      take(std::move(*message));
    }
    process_->kill();  // it has closed the connection, so it is of no use
  } catch (const std::exception& error) {
    process_->kill();
    end(fmt::format("worker {} broke the protocol: {}", process_->id(), error.what()));
  }
}

void Client::take(Message message) {
  const Kind kind = kind_of(message.kind);
  if (kind == Kind::done || kind == Kind::failed) {
    if (kind == Kind::failed) {
      ErrorText checked;
      decode(message.body, checked);
    }
    const std::lock_guard lock(mutex_);
    // Nobody waits any more for an answer that came too late.
    if (const auto pending = pending_.find(message.call); pending != pending_.end()) {
      pending->second.answer = std::move(message);
      changed_.notify_all();
    }
  } else if (kind == Kind::progress) {
    Bytes done;
    Bytes total;
    decode(message.body, done, total);
    const std::lock_guard lock(mutex_);
    if (const auto pending = pending_.find(message.call); pending != pending_.end()) {
      pending->second.progress = std::pair(done, total);
      changed_.notify_all();
    }
  } else if (!ready_ && kind == Kind::ready) {
    WorkerInfo info;
    decode(message.body, info);
    info.process = process_->id();
    info.namespaces = process_->missing_namespaces().empty();
    if (!info.namespaces) {
      info.missing.insert(info.missing.begin(), process_->missing_namespaces());
    }
    const std::lock_guard lock(mutex_);
    info_ = std::move(info);
    ready_ = true;
    changed_.notify_all();
  } else {
    std::unique_lock lock(mutex_);
    const auto event = callbacks_.event;
    lock.unlock();
    if (!event) {
      base::fail(ErrorKind::corrupt, "receive from worker", {},
                 fmt::format("unexpected message {}", message.kind));
    }
    event(std::move(message));
  }
}

// The first reason counts.
void Client::end(std::string reason) noexcept {
  std::unique_lock lock(mutex_);
  if (!end_.empty()) {
    return;
  }
  end_ = std::move(reason);
  const auto ended = callbacks_.ended;
  changed_.notify_all();
  lock.unlock();
  if (ended) {
    ended(end_);
  }
}

}  // namespace faasnap::worker
