#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <faasnap/guest_channel.h>
#include <faasnap/object_store_server.h>
#include <faasnap/vm.h>

#include "output/json.h"
#include "run/console_tail.h"

namespace faasnap::cli {

// The JSON object that the option says, or with @FILE, the file. Throws UsageError.
Json parse_input(const std::string& text);

// What a function in a guest reaches on the host: its object store. Must outlive the VMs that it is
// attached to.
class FunctionHost {
 public:
  explicit FunctionHost(std::shared_ptr<ObjectStore> store);
  void attach(VM& vm);
  // What went wrong last with the store, and forgets it; empty when nothing did.
  std::string take_trouble();

 private:
  std::mutex mutex_;
  std::string trouble_;
  ObjectStoreServer server_;
};

// Waits for the agent of a VM that is booting. A guest that ends first is a Failure that tells the
// last line of its console.
void wait_for_agent(VM& vm, const ConsoleTail& console);

// Runs the function and returns its result. What the function or the agent refuses is a Failure,
// which tells of trouble with the store as well.
Json invoke_function(FunctionHost& host, VM& vm, const std::string& function, const Json& input);
// The reply as it came, with status 200, so that parsing it is not part of what is measured.
InvocationReply invoke_raw(FunctionHost& host, VM& vm, const std::string& function,
                           const Json& input, const TraceContext& caller = {});
// Such a reply: {"result": ..., "timings": {"handler_ns": N, "total_ns": N}}, the times being the
// guest's own. Checked.
Json parse_reply(const std::string& reply);

}  // namespace faasnap::cli
