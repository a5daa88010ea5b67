// SPDX-License-Identifier: Apache-2.0

#include "functions/machine.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include <faasnap/directory_store.h>
#include <faasnap/guest_channel.h>
#include <faasnap/worker_pool.h>

#include "base/digest.h"
#include "base/error.h"
#include "functions/images.h"

namespace platform {
namespace {

// The memory from which a function gets a second processor, as with Lambda.
constexpr std::uint64_t kSecondProcessorMiB = 1769;
// What the guest's agent has to report a timeout before the VM counts as hung.
constexpr std::chrono::seconds kGrace{10};
// The part of it within which a client must have taken a streamed answer: the agent ends a function
// that is held up too long, and tells so after what it still has of the answer.
constexpr std::chrono::seconds kGraceOfClient{5};

constexpr const char* kFunctionError = "x-amz-function-error";
constexpr const char* kLog = "x-amz-log-result";

std::unique_ptr<Machine> make_machine(faasnap::VM vm, const std::string& function,
                                      const std::string& revision, std::uint64_t memory_mib,
                                      Start start, std::optional<faasnap::Snapshot> noted) {
  return std::make_unique<Machine>(Machine{.vm = std::move(vm),
                                           .function = function,
                                           .revision = revision,
                                           .memory_mib = memory_mib,
                                           .start = start,
                                           .noted = std::move(noted)});
}

std::optional<faasnap::Snapshot> noted_of(const faasnap::Snapshot& snapshot,
                                          const faasnap::RestoreOptions& options) {
  return options.record_accesses == faasnap::AccessRecording::none ? std::nullopt
                                                                   : std::optional(snapshot);
}

std::map<std::string, std::string> headers_of(const Invocation& invocation) {
  std::map<std::string, std::string> headers = {
      {"X-Amzn-RequestId", invocation.request_id},
      {"Faasnap-Timeout-Ms",
       std::to_string(std::chrono::milliseconds(invocation.function.timeout).count())}};
  if (invocation.wants_log) {
    headers["X-Amz-Log-Type"] = "Tail";
  }
  if (!invocation.client_context.empty()) {
    headers["X-Amz-Client-Context"] = invocation.client_context;
  }
  return headers;
}

// Returns the agent's reply; without the body, if that is an answer and there is a sink for it.
faasnap::InvocationReply ask(faasnap::GuestChannel channel, const std::string& target,
                             const Invocation& invocation, const AnswerSink* sink) {
  const std::chrono::seconds patience = invocation.function.timeout + kGrace;
  const auto headers = headers_of(invocation);
  if (sink == nullptr) {
    return channel.request("POST", target, invocation.payload, patience, headers);
  }
  const auto until =
      std::chrono::steady_clock::now() + invocation.function.timeout + kGraceOfClient;
  bool is_answer = false;
  std::string error;
  const faasnap::ReplySink pieces{[&](const faasnap::InvocationReply& head) {
                                    is_answer = head.status == 200 &&
                                                !head.headers.contains(kFunctionError);
                                    if (is_answer) {
                                      sink->begin(until);
                                    }
                                    return true;
                                  },
                                  [&](std::string_view piece) {
                                    if (is_answer) {
                                      sink->piece(piece);
                                    } else {
                                      error += piece;
                                    }
                                    return true;
                                  }};
  auto reply = channel.request("POST", target, invocation.payload, patience, headers, pieces);
  reply.body = std::move(error);
  return reply;
}

}  // namespace

MachineMaker::MachineMaker(const Config& config, bool usable)
    : config_(config), host_(std::make_shared<faasnap::DirectoryStore>(config.state / "objects")) {
  if (usable && config.vm.workers != 0) {
    worker_.pool =
        std::make_shared<faasnap::WorkerPool>(faasnap::WorkerOptions{}, config.vm.workers);
  }
}

std::unique_ptr<Machine> MachineMaker::boot(const Function& function) {
  faasnap::VmOptions options = guest(function);
  if (const AgentName agent = agent_name(function); agent.on_command_line) {
    options.command_line += " faasnap.function=" + agent.name;
  }
  return make_machine(host_.boot(options, {.timeout = config_.vm.boot_timeout}), function.name,
                      function.revision, function.memory_mib, Start::booted, {});
}

std::unique_ptr<Machine> MachineMaker::restore(const Function& function,
                                               const faasnap::Snapshot& snapshot) {
  const faasnap::RestoreOptions options = serving_options(snapshot);
  auto machine =
      make_machine(faasnap::VM::restore(snapshot, options), function.name, function.revision,
                   function.memory_mib, Start::restored, noted_of(snapshot, options));
  host_.attach(machine->vm);
  return machine;
}

std::unique_ptr<PreparedMachine> MachineMaker::prepare(const Function& function,
                                                       const faasnap::Snapshot& snapshot) {
  const faasnap::RestoreOptions options = serving_options(snapshot);
  return std::make_unique<PreparedMachine>(
      PreparedMachine{.vm = faasnap::VM::prepare(snapshot, options),
                      .function = function.name,
                      .revision = function.revision,
                      .memory_mib = function.memory_mib,
                      .noted = noted_of(snapshot, options)});
}

std::unique_ptr<Machine> MachineMaker::start(std::unique_ptr<PreparedMachine> prepared) {
  auto machine = make_machine(prepared->vm.start(), prepared->function, prepared->revision,
                              prepared->memory_mib, Start::prepared, std::move(prepared->noted));
  host_.attach(machine->vm);
  return machine;
}

faasnap::VmOptions MachineMaker::guest(const Function& function) const {
  return {.kernel = function.image / "vmlinux",
          .initramfs = function.image / "initramfs",
          .root_image = function.image / "rootfs.img",
          .command_line = faasnap::VmOptions{}.command_line + " quiet",
          .vcpus = function.memory_mib < kSecondProcessorMiB ? 1U : 2U,
          .memory = {function.memory_mib << 20},
          .worker = worker_};
}

faasnap::RestoreOptions MachineMaker::restore_options(faasnap::Setting setting) const {
  return {.setting = setting,
          .image_directories = {config_.images, config_.state / "images"},
          .worker = worker_};
}

faasnap::RestoreOptions MachineMaker::serving_options(const faasnap::Snapshot& snapshot) const {
  using enum faasnap::Setting;
  const bool installs = config_.vm.setting == reap || config_.vm.setting == stream;
  // Without a recording by userfaultfd there is nothing to install.
  const bool lacks = installs && snapshot.info().touched_pages == 0;
  faasnap::RestoreOptions options = restore_options(lacks ? faasnap : config_.vm.setting);
  if (options.setting == stream) {
    options.record_accesses = faasnap::AccessRecording::misses;
  }
  return options;
}

AgentName agent_name(const Function& function) {
  const ImageFacts facts = Images::facts(function.image);
  if (!facts.name.empty()) {
    return {facts.name, false};
  }
  return {function.handler.empty() ? function.name : function.handler, true};
}

void invoke(Machine& machine, const Invocation& invocation, Outcome& outcome,
            const AnswerSink* sink) {
  const Function& function = invocation.function;
  const std::string target =
      fmt::format("/2015-03-31/functions/{}/invocations", agent_name(function).name);
  faasnap::InvocationReply reply = ask(faasnap::GuestChannel(machine.vm), target, invocation, sink);
  if (reply.status != 200) {
    throw RequestError(
        Refusal::unavailable,
        fmt::format("the guest's agent answers with status {}: {}", reply.status, reply.body));
  }
  ++machine.invocations;
  outcome.payload = std::move(reply.body);
  outcome.error = reply.headers[kFunctionError];
  outcome.log = reply.headers[kLog];
  // What a streamed answer's head could not say.
  if (reply.trailers.contains(kLog)) {
    outcome.log = reply.trailers[kLog];
  }
  if (reply.trailers.contains(kFunctionError)) {
    outcome.error = reply.trailers[kFunctionError];
    outcome.payload =
        from_base64(reply.trailers["lambda-runtime-function-error-body"]).value_or(std::string());
  }
}

}  // namespace platform
