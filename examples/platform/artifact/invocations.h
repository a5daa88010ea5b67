// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "artifact/body.h"
#include "artifact/functions.h"
#include "artifact/networks.h"
#include "artifact/snapshots.h"
#include "artifact/traces.h"
#include "artifact/vms.h"
#include "functions/machine.h"

namespace platform::artifact {

// POST /invocations, and the end of VMs, which is the end of REAP's recording: a function runs in a
// VM that is there (warm), in one restored from a snapshot, or in one that is booted (cold). Throws
// Unfit, RequestError and faasnap::Error. Safe from any thread.
class Invocations {
 public:
  Invocations(MachineMaker& maker, const Functions& functions, const Networks& networks,
              Snapshots& snapshots, Vms& vms)
      : maker_(maker),
        functions_(functions),
        networks_(networks),
        snapshots_(snapshots),
        vms_(vms) {}

  Json invoke(const Body& body, RequestTrace& trace);
  // Ends the VM, and adds what REAP has recorded in it to its snapshot.
  void end_vm(const std::string& id);

 private:
  // What is asked of the guest.
  struct Call {
    std::string function{};
    std::string params{};
  };

  // A start from a snapshot.
  struct Start {
    std::string snapshot{};
    std::string network{};
    MemoryFlags flags{};
  };

  faasnap::FunctionReply or_end(const GuestVm& vm,
                                const std::function<faasnap::FunctionReply()>& run);
  std::shared_ptr<GuestVm> restore(const Start& start, const Call& call, RequestTrace& trace,
                                   faasnap::FunctionReply& reply);
  faasnap::FunctionReply run(GuestVm& vm, const Call& call, RequestTrace& trace);
  faasnap::FunctionReply run_recorded(GuestVm& vm, const Call& call, GuestSnapshot& snapshot,
                                      const RestoreChoice& choice, RequestTrace& trace);

  MachineMaker& maker_;
  const Functions& functions_;
  const Networks& networks_;
  Snapshots& snapshots_;
  Vms& vms_;
};

}  // namespace platform::artifact
