// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <faasnap/function_host.h>
#include <faasnap/setting.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm.h>

#include "base/config.h"
#include "functions/function.h"
#include "functions/invocation.h"

namespace platform {

// A VM that runs one revision of a function.
struct Machine {
  faasnap::VM vm;
  std::string function{};
  std::string revision{};
  std::uint64_t memory_mib = 0;
  Start start = Start::booted;
  // What it was restored from, if what it misses is noted and has not been asked for.
  std::optional<faasnap::Snapshot> noted{};
  // How often it has been invoked, and since when it idles.
  std::uint64_t invocations = 0;
  std::chrono::steady_clock::time_point idle_since{};
};

// A VM that waits, prepared, for its first invocation.
struct PreparedMachine {
  faasnap::PreparedVM vm;
  std::string function{};
  std::string revision{};
  std::uint64_t memory_mib = 0;
  // As of Machine.
  std::optional<faasnap::Snapshot> noted{};
};

// How VMs of functions are made, each in a worker process of its own, and spoken to. Safe from any
// thread.
class MachineMaker {
 public:
  // Starts workers ahead unless `usable` is false: then no VM can be made.
  MachineMaker(const Config& config, bool usable);

  std::unique_ptr<Machine> boot(const Function& function);
  std::unique_ptr<Machine> restore(const Function& function, const faasnap::Snapshot& snapshot);
  std::unique_ptr<PreparedMachine> prepare(const Function& function,
                                           const faasnap::Snapshot& snapshot);
  std::unique_ptr<Machine> start(std::unique_ptr<PreparedMachine> prepared);

  // Returns the guest of a function without what the agent's function is called on the kernel's
  // command line.
  faasnap::VmOptions guest(const Function& function) const;
  // Returns how VMs of functions are restored, with `setting`.
  faasnap::RestoreOptions restore_options(faasnap::Setting setting) const;
  faasnap::FunctionHost& host() noexcept { return host_; }

 private:
  // Returns how a VM that serves is restored: with VmPolicy::setting, and its misses noted where
  // the setting knows them.
  faasnap::RestoreOptions serving_options(const faasnap::Snapshot& snapshot) const;

  const Config& config_;
  faasnap::FunctionHost host_;
  faasnap::WorkerOptions worker_;
};

// The name by which a guest's agent knows the function.
struct AgentName {
  std::string name{};
  // True if the kernel's command line must say it.
  bool on_command_line = false;
};
AgentName agent_name(const Function& function);

// Runs an invocation in the machine, and gives the answer to `sink`, if there is one. Throws
// faasnap::Error if the guest fails or does not answer; a function that fails is an Outcome.
void invoke(Machine& machine, const Invocation& invocation, Outcome& outcome,
            const AnswerSink* sink = nullptr);

}  // namespace platform
