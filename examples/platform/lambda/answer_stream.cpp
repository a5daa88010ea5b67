// SPDX-License-Identifier: Apache-2.0

#include "lambda/answer_stream.h"

#include <memory>
#include <utility>

#include "base/error.h"
#include "lambda/event_stream.h"

namespace platform::lambda {
namespace {

StreamEnd end_of(const AnswerStream& answer, bool wants_log) {
  try {
    const Outcome& outcome = answer.end();
    return {.error_code = outcome.error,
            .error_details = outcome.error.empty() ? std::string() : outcome.payload,
            .has_log = wants_log,
            .log = outcome.log};
  } catch (const std::exception& error) {
    return {.error_code = "ServiceException", .error_details = error.what()};
  }
}

// Returns false if the client is gone.
bool write_events(AnswerStream& answer, bool wants_log, httplib::DataSink& sink) {
  const auto write = [&sink](const std::string& message) {
    return sink.write(message.data(), message.size());
  };
  while (const auto piece = answer.next()) {
    if (!write(payload_chunk(*piece))) {
      return false;
    }
  }
  if (!write(invoke_complete(end_of(answer, wants_log)))) {
    return false;
  }
  sink.done();
  return true;
}

}  // namespace

AnswerStream::AnswerStream(Run run) : thread_([this, run = std::move(run)] { work(run); }) {}

AnswerStream::~AnswerStream() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void AnswerStream::work(const Run& run) {
  const AnswerSink sink{[this](std::chrono::steady_clock::time_point until) {
                          const std::lock_guard lock(mutex_);
                          begun_ = true;
                          until_ = until;
                          changed_.notify_all();
                        },
                        [this](std::string_view piece) { put(piece); }};
  Outcome outcome;
  std::exception_ptr failure;
  try {
    outcome = run(sink);
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  outcome_ = std::move(outcome);
  failure_ = std::move(failure);
  ended_ = true;
  changed_.notify_all();
}

void AnswerStream::put(std::string_view piece) {
  std::unique_lock lock(mutex_);
  const auto has_room = [this] { return closed_ || late_ || !piece_; };
  late_ = !changed_.wait_until(lock, until_, has_room) || late_;
  if (!closed_ && !late_) {
    piece_.emplace(piece);
    changed_.notify_all();
  }
}

void AnswerStream::wait_for_begin() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return begun_ || ended_; });
  if (!begun_ && failure_ != nullptr) {
    std::rethrow_exception(failure_);
  }
}

std::optional<std::string> AnswerStream::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return piece_ || ended_; });
  changed_.notify_all();
  return std::exchange(piece_, std::nullopt);
}

const Outcome& AnswerStream::end() const {
  if (failure_ != nullptr) {
    std::rethrow_exception(failure_);
  }
  if (late_) {
    throw RequestError(Refusal::unavailable,
                       "the client has not taken the answer within the function's time");
  }
  return outcome_;
}

void reply_stream(httplib::Response& response, bool wants_log, AnswerStream::Run run) {
  const auto answer = std::make_shared<AnswerStream>(std::move(run));
  answer->wait_for_begin();
  response.status = 200;
  response.set_chunked_content_provider("application/vnd.amazon.eventstream",
                                        [answer, wants_log](std::size_t, httplib::DataSink& sink) {
                                          return write_events(*answer, wants_log, sink);
                                        });
}

}  // namespace platform::lambda
