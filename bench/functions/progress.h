// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace faasnap::bench {

// Shows progress and the time left to a person at a terminal.
class Progress {
 public:
  explicit Progress(std::size_t invocations) : all_(invocations) {}
  // Leaves an empty line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const std::string& what) const;
  void step(std::size_t invocations = 1) { done_ += invocations; }

 private:
  using Clock = std::chrono::steady_clock;

  std::size_t all_;
  std::size_t done_ = 0;
  Clock::time_point begun_ = Clock::now();
};

}  // namespace faasnap::bench
