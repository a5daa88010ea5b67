// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/config.h"
#include "functions/images.h"
#include "functions/machine.h"
#include "functions/snapshots.h"
#include "metrics/metrics.h"
#include "policy/demand.h"

namespace platform {

// The VMs that wait: those that idle after an invocation, and those that are prepared for their
// first. A thread ends what has idled for VmPolicy::keep_idle, and keeps as many prepared as
// Demand says. Safe from any thread.
class Fleet {
 public:
  struct Description {
    std::string function{};
    std::string revision{};
    // Empty for a prepared VM.
    std::string vm{};
    std::uint64_t invocations = 0;
    std::uint64_t memory_mib = 0;
    std::chrono::seconds idle{0};
  };

  Fleet(const Config& config, const Images& images, MachineMaker& maker, Snapshots& snapshots,
        Metrics& metrics);
  ~Fleet();

  // Returns a VM for the function: one that idles, else a prepared one, else one that is restored
  // or booted now. Throws faasnap::Error.
  std::unique_ptr<Machine> take(const Function& function);
  // Keeps the VM for the next invocation.
  void give_back(std::unique_ptr<Machine> machine);
  // Ends idle VMs, those first that have idled longest, until they have at most `memory_mib`.
  void shrink(std::uint64_t memory_mib);
  // Ends what waits of the revision.
  void remove(const std::string& revision);

  std::vector<Description> idle() const;
  std::vector<Description> prepared() const;

 private:
  // What is known of a function's need of prepared VMs.
  struct Supply {
    Function function;
    Demand demand;
  };

  std::unique_ptr<Machine> take_idle(const std::string& revision);
  std::unique_ptr<PreparedMachine> take_prepared(const Function& function);
  std::unique_ptr<Machine> make(const Function& function);
  void maintain(const std::stop_token& stop);
  std::list<std::unique_ptr<Machine>> expired();
  std::list<std::unique_ptr<PreparedMachine>> surplus();
  // A function that has fewer prepared VMs than it should; nothing if there is none.
  std::optional<Function> undersupplied();
  std::size_t prepared_of(const std::string& revision) const;

  const Config& config_;
  const Images& images_;
  MachineMaker& maker_;
  Snapshots& snapshots_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Those that have idled longest first.
  std::list<std::unique_ptr<Machine>> idle_;
  std::list<std::unique_ptr<PreparedMachine>> prepared_;
  std::map<std::string, Supply> supply_;
  std::jthread thread_;
};

}  // namespace platform
