// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "functions/function.h"

namespace platform {

// Where the VM of an invocation came from, from the fastest to the slowest.
enum class Start {
  warm,      // it has served an invocation before
  prepared,  // restored ahead up to its first instruction (VM::prepare)
  restored,  // restored from the snapshot now
  booted,    // there is no snapshot yet
};
inline constexpr Start kAllStarts[] = {Start::warm, Start::prepared, Start::restored,
                                       Start::booted};

constexpr const char* to_string(Start start) {
  switch (start) {
    case Start::warm:
      return "warm";
    case Start::prepared:
      return "prepared";
    case Start::restored:
      return "restored";
    case Start::booted:
      return "booted";
  }
  return "";
}

// What is to be run.
struct Invocation {
  Function function{};
  // Any JSON; empty stands for {}.
  std::string payload{};
  bool wants_log = false;
  // Base64 text for the function, as Lambda's clients send it.
  std::string client_context{};
  std::string request_id{};
};

// Takes an answer as it comes, on the thread that runs the invocation, which waits meanwhile.
struct AnswerSink {
  // The function has begun to answer. All pieces must be taken by `until`: a VM whose invocation is
  // not over soon after counts as failed.
  std::function<void(std::chrono::steady_clock::time_point until)> begin;
  std::function<void(std::string_view piece)> piece;
};

// What became of an invocation that has run.
struct Outcome {
  // The answer, unless a sink has got it.
  std::string payload{};
  // Empty, or "Unhandled" if the function failed; the payload then says why.
  std::string error{};
  // The end of the function's output in base64, if it was asked for.
  std::string log{};
  Start start = Start::booted;
  std::string vm{};
  // Waiting for room, making a VM, and the function with the way to it and back.
  std::chrono::nanoseconds queued{0};
  std::chrono::nanoseconds started{0};
  std::chrono::nanoseconds invoked{0};
};

}  // namespace platform
