// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <httplib.h>

#include <condition_variable>
#include <functional>
#include <mutex>

namespace platform::http {

// Runs each connection on a thread of its own: an invocation holds its connection for as long as it
// runs, and an idle client holds up nobody. Beyond kMost connections accepting waits.
class Connections : public httplib::TaskQueue {
 public:
  static constexpr unsigned kMost = 4096;

  void enqueue(std::function<void()> serve) override;
  // Waits until every connection has ended.
  void shutdown() override;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  unsigned open_ = 0;
};

}  // namespace platform::http
