// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "functions/invocation.h"
#include "http/server.h"

namespace platform::lambda {

// An invocation's answer on its way to a client. A thread of its own runs the invocation and waits
// for the client with each piece, so that the function is held up by a slow client, and at most one
// piece is held here. A client that has not taken the answer within the function's time gets no
// more of it; the invocation ends whatever the client does. next() and end() are for one thread.
class AnswerStream {
 public:
  // Runs the invocation, and gives its answer to the sink.
  using Run = std::function<Outcome(const AnswerSink&)>;

  explicit AnswerStream(Run run);
  // Drops what is still answered, and waits until the invocation has ended.
  ~AnswerStream();
  AnswerStream(const AnswerStream&) = delete;
  AnswerStream& operator=(const AnswerStream&) = delete;

  // Waits until the function answers or has failed. Throws what `run` throws before that.
  void wait_for_begin();
  // Waits for the next piece; returns nothing after the last one.
  std::optional<std::string> next();
  // Only after the last piece. Throws what `run` throws; RequestError if pieces were dropped.
  const Outcome& end() const;

 private:
  void work(const Run& run);
  void put(std::string_view piece);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool begun_ = false;
  bool ended_ = false;
  // The client is gone.
  bool closed_ = false;
  // Pieces were dropped since the client was too slow.
  bool late_ = false;
  std::chrono::steady_clock::time_point until_{};
  std::optional<std::string> piece_;
  Outcome outcome_;
  std::exception_ptr failure_;
  std::thread thread_;
};

// Makes the response of Lambda's InvokeWithResponseStream. Waits until the function answers or has
// failed, and throws what `run` throws before that; whatever happens later is the stream's end.
void reply_stream(httplib::Response& response, bool wants_log, AnswerStream::Run run);

}  // namespace platform::lambda
