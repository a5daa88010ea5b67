// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <faasnap/export.h>
#include <faasnap/log.h>
#include <faasnap/network_config.h>
#include <faasnap/object_store.h>
#include <faasnap/store_account.h>
#include <faasnap/trace.h>
#include <faasnap/units.h>
#include <faasnap/vm.h>

namespace faasnap {

// How to boot a guest until its agent answers.
struct BootOptions {
  // Time for the guest to boot. The default is long enough for an emulated processor on a busy
  // machine; a guest that fails says so at once.
  Nanoseconds timeout = std::chrono::minutes(10);
  // Ends the guest, and the call with ErrorKind::cancelled.
  std::stop_token stop{};
  // What the guest's network has before its function starts (VmAttachments::network). Nothing
  // leaves the interface down.
  std::optional<NetworkConfig> network{};
};

// How to invoke a function.
struct InvokeOptions {
  // Time for the function, the reply included.
  Nanoseconds timeout = std::chrono::minutes(15);
  // The span that the invocation is a part of; none if its trace is empty.
  TraceContext caller{};
};

// What a function returned, and how long it took.
struct FunctionReply {
  // The function's result, a JSON text.
  std::string result{};
  // From the call until the first byte of the reply and until its last, by the host's clock.
  Nanoseconds first_byte{0};
  Nanoseconds total{0};
  // The function alone, and from the request's head to the reply, by the guest's clock: a claim of
  // the guest, at most 24 hours.
  Nanoseconds handler{0};
  Nanoseconds agent{0};
  // The span that the agent says it has worked for; an empty trace if it names none.
  TraceContext caller{};
};

// What functions in guests reach on the host, their object store, and how they are invoked. Speaks
// with the agent of the guest image.
//
// Shares the store, and owns the server that brings it to guests. Does not own VMs, and must
// outlive those that it is attached to. Safe from any thread, with any number of VMs at a time.
class FAASNAP_EXPORT FunctionHost {
 public:
  // `log` gets everything that goes wrong with the store, on threads of the server.
  explicit FunctionHost(std::shared_ptr<ObjectStore> store, LogSink log = {});
  ~FunctionHost();
  FunctionHost(const FunctionHost&) = delete;
  FunctionHost& operator=(const FunctionHost&) = delete;

  // Gives the functions of the VM the object store, within VM::limits. A VM has it until it ends;
  // each VM needs it anew, also one that was restored or taken from a VmPool. Returns the account
  // of what the guest uses.
  StoreAccount attach(VM& vm);
  // Does the same within the limits of `account`, which several VMs may share.
  void attach(VM& vm, const StoreAccount& account);

  // Boots a VM, attaches the store, and waits until the agent answers. If the guest fails, the
  // error has the last line of its console. Throws what VM::boot throws; ErrorKind::not_found if
  // the command line names a function ("faasnap.function=NAME") that the guest lacks,
  // ErrorKind::guest if the guest ends, ErrorKind::timeout, and ErrorKind::cancelled.
  VM boot(const VmOptions& guest, const BootOptions& options = {});

  // Returns the word for a kernel command line by which a guest of VM::boot has `network` before
  // its function starts. Throws ErrorKind::invalid_argument that names the member of `network`.
  static std::string network_word(const NetworkConfig& network);

  // Gives a guest whose agent is ready the network `network`, and takes from it the one that it
  // had; to be called after each restore, when the VM runs. The guest announces its addresses, and
  // its TCP connections end with an error, but those inside the guest. Returns how many; nothing if
  // the guest's kernel cannot end them, so that they time out. Throws ErrorKind::invalid_argument
  // that names the member, ErrorKind::unsupported if the guest's agent knows nothing of networks,
  // ErrorKind::guest with the agent's reason, and ErrorKind::timeout.
  std::optional<std::uint64_t> set_network(VM& vm, const NetworkConfig& network,
                                           Nanoseconds timeout = std::chrono::minutes(1));

  // Has a guest whose agent is ready give up the memory that it has free, so that the next snapshot
  // is without it, and returns when it has: after 5 to 90 seconds. Needs a VM that was booted with
  // VmOptions::report_free_memory; of a restored one the memory becomes part of no snapshot only
  // with RestoreOptions::release_free_memory. Throws ErrorKind::guest if the agent does not do its
  // part, ErrorKind::timeout, and ErrorKind::cancelled.
  void settle(VM& vm, const std::stop_token& stop = {});

  // Runs `function` with the JSON object `input` in a VM whose agent is ready, and returns its
  // reply, which has been checked. Throws ErrorKind::not_found if the guest lacks the function,
  // ErrorKind::guest with the function's or the agent's own reason, or if the guest ends or its
  // reply is malformed, and ErrorKind::timeout. Trouble that the store had meanwhile is part of the
  // reason.
  FunctionReply invoke(VM& vm, std::string_view function, std::string_view input,
                       const InvokeOptions& options = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
