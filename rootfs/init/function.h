// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_FUNCTION_H_
#define FAASNAP_INIT_FUNCTION_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "event_loop.h"
#include "function_process.h"
#include "http_server.h"
#include "invocation.h"

namespace faasnap::init {

// The function that this guest serves: stands between the host's invocations and the process that
// asks for them by the Runtime API. The process is started at the beginning, and when an invocation
// comes and it has ended. Invocations wait in order until it asks for one.
class Function {
 public:
  struct Options {
    ProcessOptions process;
    // Number of invocations that the process may have at the same time.
    unsigned concurrency = 1;
    std::string arn;
  };

  // The process is ready to be snapshotted: it has asked for an invocation, or to be told that it
  // has been restored. Called once.
  using ReadyCallback = std::function<void()>;

  Function(EventLoop& loop, Options options, ReadyCallback ready);

  void start();
  // A child of this program has ended; `status` is waitpid's.
  void child_ended(pid_t child, int status);

  // ---- for the host ----
  void invoke(std::unique_ptr<Invocation> invocation);
  // Destroys `invocation` if it has not been handed out.
  void withdraw(const Invocation& invocation);

  // ---- for the process ----
  // Answers with an invocation, when there is one.
  void next(HttpConnection& connection);
  // Answers when the first invocation comes.
  void restore_next(HttpConnection& connection);
  void init_failed(Outcome reason);
  // Returns the invocation if the process has it; null otherwise.
  Invocation* find_running(std::string_view id);
  // The host takes the pieces of the result as they come, until end_stream.
  void begin_stream(const Invocation& invocation, std::string_view content_type);
  // Each ends the life of the invocation, which must be running.
  void finish(const Invocation& invocation, Outcome outcome);
  void end_stream(const Invocation& invocation, Outcome outcome);

 private:
  struct Running {
    std::unique_ptr<Invocation> invocation;
    std::int64_t handed_out;
    std::optional<EventLoop::Timer> timer;
    bool streams = false;
  };

  void park(HttpConnection& connection);
  void become_ready();
  void hand_out_all();
  void hand_out(HttpConnection& connection, std::unique_ptr<Invocation> invocation);
  void answer_restore();
  void time_out(std::string id);
  std::list<Running>::iterator find(const Invocation& invocation);
  Running remove(const Invocation& invocation);
  void fail_running(const std::string& reason);
  void fail_waiting(const Outcome& outcome);

  EventLoop& loop_;
  const Options options_;
  ReadyCallback ready_;
  FunctionProcess process_;
  // The process has asked for something since it was started.
  bool is_ready_ = false;
  // The process has been killed, but waitpid has not said so.
  bool is_ending_ = false;
  std::optional<Outcome> init_failure_;
  std::deque<HttpConnection*> parked_;
  HttpConnection* restoring_ = nullptr;
  std::deque<std::unique_ptr<Invocation>> waiting_;
  std::list<Running> running_;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_FUNCTION_H_
