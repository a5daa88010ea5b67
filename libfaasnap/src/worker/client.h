// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <faasnap/progress.h>
#include <faasnap/units.h>
#include <faasnap/worker_options.h>

#include "worker/channel.h"
#include "worker/process.h"
#include "worker/protocol.h"

namespace faasnap::worker {

// What a call brings along besides its body.
struct CallOptions {
  std::span<const int> files{};
  Nanoseconds timeout = kForever;
  Progress progress{};
};

// A worker that runs, seen from the process that started it. Calls it, and takes its events.
//
// Believes nothing that the worker says: a message that breaks the protocol is the worker's end.
// Calls may be made from any thread, except from the callbacks; the destructor kills the worker and
// waits for it.
class Client {
 public:
  // What the worker tells of its own accord. Called on the client's thread; must not block.
  struct Callbacks {
    // An event after `ready`. May throw if its body is broken, which ends the worker.
    std::function<void(Message)> event{};
    // The worker has ended by itself, for this reason. Called once, if at all.
    std::function<void(const std::string& reason)> ended{};
  };

  // Starts a worker and waits until it is confined.
  explicit Client(const WorkerOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const WorkerInfo& info() const noexcept { return info_; }
  // Kills the worker, without waiting.
  void kill() noexcept;
  // False if the worker has ended.
  bool alive() const;
  // Gives the worker to a VM: moves it into the cgroup, and checks that it is as the options want
  // it. Call once, before any call.
  void assign(const WorkerOptions& options, Callbacks callbacks);

  // Asks for `kind` and waits for the answer, which it returns. `operation` is for errors: those of
  // the worker, ErrorKind::timeout, and ErrorKind::guest if the worker ends.
  std::vector<std::byte> call(Kind kind, const char* operation,
                              std::span<const std::byte> body = {},
                              const CallOptions& options = {});
  // Sends what the worker does not answer. May be called from the callbacks, too.
  void tell(Kind kind, std::span<const std::byte> body, std::span<const int> files = {}) {
    send(kind, 0, body, files);
  }

 private:
  class Waiting;
  struct Pending {
    std::optional<Message> answer;
    std::optional<std::pair<Bytes, Bytes>> progress;
  };

  void run(const WorkerOptions& options);
  void send(Kind kind, std::uint64_t call, std::span<const std::byte> body,
            std::span<const int> files);
  void receive();
  void take(Message message);
  void end(std::string reason) noexcept;
  void require_alive(const char* operation) const;

  std::unique_ptr<Process> process_;
  std::unique_ptr<Channel> channel_;
  WorkerInfo info_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Callbacks callbacks_;
  std::map<std::uint64_t, Pending> pending_;
  std::uint64_t last_call_ = 0;
  bool ready_ = false;
  std::string end_;             // why it has ended
  std::exception_ptr failure_;  // of the start
  std::thread thread_;          // has started the process, and receives
};

}  // namespace faasnap::worker
