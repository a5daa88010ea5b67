// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/worker_pool.h>
#include <faasnap/working_set_recorder.h>

#include "artifact/functions.h"
#include "artifact/restore_choice.h"
#include "artifact/traces.h"
#include "base/config.h"
#include "functions/invoker.h"
#include "functions/machine.h"
#include "policy/admission.h"

namespace platform::artifact {

// A VM that a client has started, and that runs until the client ends it.
struct GuestVm {
  std::string id{};
  GuestFunction function{};
  std::string network{};
  // The snapshot that it was restored from; empty for a booted VM.
  std::string snapshot{};
  // The VM's memory as long as it is there, and the right to run until its first invocation ends.
  Admission::Slot slot;
  faasnap::VM vm;
  // What REAP's first VM of a snapshot records until it is ended, and its right to do so.
  std::unique_ptr<faasnap::WorkingSetRecorder> reap_recorder{};
  std::shared_ptr<const void> reap_claim{};
};

// What a start from a snapshot is. References last for the call.
struct RestoreRequest {
  const GuestFunction& function;
  const std::string& snapshot_id;
  const faasnap::Snapshot& snapshot;
  const std::string& network;
  const RestoreChoice& choice;
  // Set if REAP records (GuestSnapshot::claim_reap_recording).
  std::shared_ptr<const void> reap_claim{};
};

// The VMs by their ids. They take part in the host's limits (HostLimits): a VM's memory counts as
// long as the VM is there, as nobody but its client may end it, and among those that run it counts
// while it starts or runs a function. Throws RequestError and faasnap::Error. Safe from any thread.
class Vms {
 public:
  Vms(const Config& config, MachineMaker& maker, Invoker& invoker)
      : config_(config), maker_(maker), invoker_(invoker) {}

  // Returns when the guest's agent answers. The VM's slot runs; the caller lets it rest.
  std::shared_ptr<GuestVm> boot(const GuestFunction& function, const std::string& network,
                                RequestTrace& trace);
  // Returns a VM that is paused, with its object store; the caller resumes it, and lets its slot
  // rest when it has run. Takes the id and the process of the oldest one that reserve() has made.
  std::shared_ptr<GuestVm> restore(const RestoreRequest& request, RequestTrace& trace);
  // Waits for the right to run one invocation more in a VM that is there.
  Admission::Slot enter_to_run(const GuestVm& vm);
  // Starts a worker process for the next restore, and returns the id that its VM will have.
  std::string reserve();

  // Throws also for a VM that has ended by itself: its id is then forgotten.
  std::shared_ptr<GuestVm> find(const std::string& id);
  // Takes the VM out of the table; the caller stops it.
  std::shared_ptr<GuestVm> take(const std::string& id);
  std::vector<std::shared_ptr<GuestVm>> list();
  // Ends every VM, those that boot too, and lets no other start.
  void close();

 private:
  struct Reserved {
    std::string id;
    std::shared_ptr<faasnap::WorkerPool> worker;
  };

  Admission::Slot enter(const GuestFunction& function);
  std::shared_ptr<GuestVm> keep(GuestVm vm);
  std::optional<Reserved> take_reserved();
  void forget_ended();

  const Config& config_;
  MachineMaker& maker_;
  Invoker& invoker_;
  std::stop_source closing_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<GuestVm>> vms_;
  std::list<Reserved> reserved_;
};

Json to_json(const GuestVm& vm);

}  // namespace platform::artifact
