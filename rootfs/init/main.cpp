// SPDX-License-Identifier: Apache-2.0

// The guest's first process: makes the machine ready, starts the function of the image and serves
// the host's invocations with it. Outside a virtual machine it is an ordinary program that only
// serves, and takes its words as arguments: faasnap-init faasnap.listen=unix:/run/agent ...

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "address.h"
#include "event_loop.h"
#include "fd.h"
#include "function.h"
#include "host_api.h"
#include "http_server.h"
#include "image_config.h"
#include "network.h"
#include "options.h"
#include "processors.h"
#include "root_file_system.h"
#include "runtime_api.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::size_t kLongestCommandLine = 64 << 10;
constexpr int kLargestHeapPiece = 128 << 10;

// Returns the words that the program obeys as the first process.
std::vector<std::string> kernel_words() {
  const auto line = read_file("/proc/cmdline", kLongestCommandLine);
  if (!line) {
    die("/proc/cmdline: %s", std::strerror(errno));
  }
  std::vector<std::string> words;
  std::string_view rest = *line;
  for (std::string_view word; !(word = take_word(rest)).empty();) {
    words.emplace_back(word);
  }
  return words;
}

// Sets the network before anything of the function starts.
void start_network(const std::string& text) {
  if (text.empty()) {
    return;
  }
  std::string error;
  const auto config = parse_network_config(text, error);
  if (config) {
    error = set_network(*config).error;
  }
  if (!error.empty()) {
    die("faasnap.network: %s", error.c_str());
  }
}

void start_shell() {
  if (::fork() != 0) {
    return;
  }
  ::setsid();
  const int terminal = ::open("/dev/ttyS0", O_RDWR);
  ::ioctl(terminal, TIOCSCTTY, 0);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(terminal, stream);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execl("/bin/sh", "sh", nullptr);
  say("/bin/sh: %s", std::strerror(errno));
  std::_Exit(127);
}

// Returns what the process is to serve. An image of several functions imports one ahead, which the
// host names; the only function of an image can be no other.
std::string handler_of(const Options& options, const ImageConfig& image) {
  if (image.name.empty()) {
    return options.function.empty() ? image.handler : options.function;
  }
  if (!options.function.empty() && options.function != image.name) {
    die("the function does not start: UnknownFunction: unknown function '%s'; this guest has %s",
        options.function.c_str(), image.name.c_str());
  }
  return image.handler;
}

std::string function_name(const ImageConfig& image) {
  return image.name.empty() ? "function" : image.name;
}

// What the process of a function finds in its environment, after the image's own variables: those
// that AWS Lambda sets, and ours.
std::vector<std::string> function_environment(const Options& options, const ImageConfig& image,
                                              const std::string& handler,
                                              const std::string& runtime_api) {
  std::vector<std::string> variables = {
      "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin:/opt/bin",
      "LANG=C.UTF-8",
      "TZ=:UTC",
      "AWS_REGION=us-east-1",
      "AWS_DEFAULT_REGION=us-east-1",
      "LAMBDA_TASK_ROOT=/var/task",
      "LAMBDA_RUNTIME_DIR=/var/runtime",
  };
  variables.insert(variables.end(), image.environment.begin(), image.environment.end());
  const std::string name = function_name(image);
  const std::string own[] = {
      "AWS_LAMBDA_RUNTIME_API=" + runtime_api,
      "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start",
      "AWS_LAMBDA_FUNCTION_NAME=" + name,
      "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
      format("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%llu",
             static_cast<unsigned long long>(image.memory_mib == 0 ? 128 : image.memory_mib)),
      format("AWS_LAMBDA_MAX_CONCURRENCY=%u", image.concurrency),
      "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + name,
      "AWS_LAMBDA_LOG_STREAM_NAME=console",
      "_HANDLER=" + handler,
      "FAASNAP_STORE=" + options.store,
      format("FAASNAP_ARTIFACT=%d", options.artifact ? 1 : 0),
  };
  variables.insert(variables.end(), std::begin(own), std::end(own));
  return variables;
}

Function::Options function_options(const Options& options, const ImageConfig& image,
                                   const std::string& runtime_api) {
  Function::Options result;
  result.process.command = image.command;
  result.process.environment =
      function_environment(options, image, handler_of(options, image), runtime_api);
  result.process.working_directory = image.working_directory;
  result.process.user = image.user;
  result.process.memory_mib = image.memory_mib;
  result.concurrency = image.concurrency;
  result.arn = "arn:aws:lambda:us-east-1:000000000000:function:" + function_name(image);
  return result;
}

// As the first process the program inherits every orphan, and reaps it.
void reap_children(Function& function, int signals) {
  signalfd_siginfo ignored;
  (void)!::read(signals, &ignored, sizeof ignored);
  int status = 0;
  for (pid_t child; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    function.child_ended(child, status);
  }
}

Fd block_child_signal() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  Fd signals(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.is_open()) {
    die("signalfd failed: %s", std::strerror(errno));
  }
  return signals;
}

[[noreturn]] void serve(const Options& options, bool is_first_process) {
  const ImageConfig image = read_image_config(options.image);
  EventLoop loop;
  const Fd signals = block_child_signal();
  Listener runtime = listen_on(options.runtime_api, "faasnap.runtime-api");
  const std::string runtime_api(split(runtime.address, ':').second);

  HostApi::Options host_options{.name = image.name,
                                .timeout_ms = image.timeout_ms,
                                .owns_machine = is_first_process,
                                .test = options.test};
  std::optional<HttpServer> host_server;
  std::optional<HostApi> host_api;
  // The host may snapshot this machine as soon as it is answered, so nothing listens before.
  const auto listen_to_host = [&] {
    Listener host = listen_on(options.listen, "faasnap.listen");
    host_server.emplace(loop, std::move(host.socket), *host_api, options.max_payload);
    say("listening on %s", host.address.c_str());
  };
  Function function(loop, function_options(options, image, runtime_api), listen_to_host);
  host_api.emplace(function, host_options);
  RuntimeApi runtime_handler(function);
  HttpServer runtime_server(loop, std::move(runtime.socket), runtime_handler, options.max_payload);
  loop.watch(signals.get(), EPOLLIN,
             [&](std::uint32_t) { reap_children(function, signals.get()); });
  function.start();
  loop.run();
}

}  // namespace
}  // namespace faasnap::init

int main(int count, char** arguments) {
  using namespace faasnap::init;
  // The default grows with the largest payload, which then stays in the heap: in snapshots, too.
  ::mallopt(M_MMAP_THRESHOLD, kLargestHeapPiece);
  const bool is_first_process = ::getpid() == 1;
  if (is_first_process) {
    mount_kernel_file_systems();
  }
  const Options options =
      parse_options(is_first_process ? kernel_words()
                                     : std::vector<std::string>(arguments + 1, arguments + count));
  if (is_first_process) {
    load_modules();
    enter_root(options.root, options.overlay);
    start_loopback();
    start_network(options.network);
    if (options.shell) {
      start_shell();
    }
    // Where the interrupts of the host's requests come, too (FunctionProcess::wake_here).
    run_on_first_processor();
  }
  serve(options, is_first_process);
}
