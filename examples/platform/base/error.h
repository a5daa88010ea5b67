// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

namespace platform {

// The command line is wrong.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Why the platform refuses or fails a request, for whatever interface it came by.
enum class Refusal {
  invalid,      // a parameter is wrong
  not_found,    // no such function or version
  conflict,     // it exists already
  too_large,    // the request's body
  throttled,    // a limit is reached; the same request may succeed later
  unavailable,  // this host cannot run VMs, or a VM has failed
  store_lost,   // what the hosts share cannot be reached; the same request may succeed later
};

class RequestError : public std::runtime_error {
 public:
  RequestError(Refusal refusal, const std::string& reason)
      : std::runtime_error(reason), refusal_(refusal) {}

  Refusal refusal() const noexcept { return refusal_; }

 private:
  Refusal refusal_;
};

// There is no room; `retry_after` is a guess of when there will be.
class Throttled : public RequestError {
 public:
  Throttled(const std::string& reason, std::string limit, std::chrono::seconds retry_after)
      : RequestError(Refusal::throttled, reason),
        limit_(std::move(limit)),
        retry_after_(retry_after) {}

  // The limit's name: "function", "queue" or "events".
  const std::string& limit() const noexcept { return limit_; }
  std::chrono::seconds retry_after() const noexcept { return retry_after_; }

 private:
  std::string limit_;
  std::chrono::seconds retry_after_;
};

}  // namespace platform
