// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <faasnap/redis_options.h>

#include "base/error.h"

namespace platform::hosts {

// The store that the hosts share cannot be reached. Whether a change that was sent to it has been
// made is not known.
class StoreLost : public RequestError {
 public:
  explicit StoreLost(const std::string& reason) : RequestError(Refusal::store_lost, reason) {}
};

// A reply of the server.
struct Reply {
  // Of a text or a status.
  std::optional<std::string> text{};
  long long number = 0;
  std::vector<Reply> items{};
};

// One connection to the Redis server that the hosts share. Safe from any thread; commands wait for
// each other.
//
// A command that finds the connection closed is sent again over a new one, so a command must do no
// harm if it runs twice. While the server does not answer, commands fail at once, and a thread
// looks each second whether it is back: a request waits for the server's timeout once, not each.
class RedisLink {
 public:
  // Does not connect.
  explicit RedisLink(faasnap::RedisOptions options);
  ~RedisLink();

  // Throws StoreLost, or std::runtime_error with the server's own words if it refuses the command.
  Reply command(const std::vector<std::string>& arguments);

  // How the server is doing. Does not wait for a command.
  struct Health {
    bool lost = false;
    // How often it has been lost.
    std::uint64_t losses = 0;
  };
  Health health() const noexcept { return {.lost = is_lost_, .losses = losses_}; }

 private:
  class Connection;

  void watch(const std::stop_token& stop);

  const faasnap::RedisOptions options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::unique_ptr<Connection> connection_;
  // Why the server was lost; empty while it answers.
  std::string lost_;
  std::atomic<bool> is_lost_ = false;
  std::atomic<std::uint64_t> losses_ = 0;
  std::jthread thread_;
};

}  // namespace platform::hosts
