// SPDX-License-Identifier: Apache-2.0

#include "artifact/invocations.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "artifact/parameters.h"
#include "base/error.h"

namespace platform::artifact {
namespace {

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// Returns the guest's reply as the artifact's guests write it: the time until the function began,
// the function's, and that of its reply, which is part of the first here.
std::string result_text(const faasnap::FunctionReply& reply) {
  const auto before = std::max(reply.agent - reply.handler, std::chrono::nanoseconds(0));
  return fmt::format("read {:.6f}\nprocess {:.6f}\nwrite {:.6f}\n", seconds_of(before),
                     seconds_of(reply.handler), 0.0);
}

// What a restore loads ahead of the guest, as the artifact's background loader names it.
void add_loading(const faasnap::VM& vm, faasnap::Setting setting,
                 RequestTrace::Clock::time_point begun, RequestTrace& trace) {
  const auto prefetch = vm.stats().prefetch;
  if (prefetch.finished && prefetch.duration.count() != 0) {
    trace.add(setting == faasnap::Setting::faasnap ? "load_ws_file"
              : setting == faasnap::Setting::reap  ? "MemoryManager.FetchState"
                                                   : "load_mincore",
              begun, prefetch.duration);
  }
}

}  // namespace

Json Invocations::invoke(const Body& body, RequestTrace& trace) {
  const Call call{.function = body.required_text("func_name"), .params = body.text("params")};
  const MemoryFlags flags = memory_flags(body);
  const std::string network = body.text("namespace");
  if (!call.params.empty() && !Json::accept(call.params)) {
    throw RequestError(Refusal::invalid, "params: expected a text that is JSON");
  }
  const std::string id = body.text("vmId");
  std::shared_ptr<GuestVm> vm;
  faasnap::FunctionReply reply;
  if (!id.empty()) {
    vm = vms_.find(id);
    const Admission::Slot running = vms_.enter_to_run(*vm);
    reply = run(*vm, call, trace);
  } else if (const std::string snapshot = body.text("ssId"); !snapshot.empty()) {
    vm = restore({.snapshot = snapshot, .network = network, .flags = flags}, call, trace, reply);
    vm->slot.rest();
  } else {
    const GuestFunction function = functions_.find(call.function);
    networks_.check(network);
    vm = vms_.boot(function, network, trace);
    reply = or_end(*vm, [&] { return run(*vm, call, trace); });
    vm->slot.rest();
  }
  return {{"vmId", vm->id},
          {"traceId", trace.id()},
          {"result", result_text(reply)},
          {"answer", reply.result}};
}

void Invocations::end_vm(const std::string& id) {
  const auto vm = vms_.take(id);
  std::optional<faasnap::WorkingSet> touched;
  if (vm->reap_recorder != nullptr) {
    touched = vm->reap_recorder->finish();
  }
  vm->vm.stop();
  if (touched) {
    snapshots_.find(vm->snapshot)->add_recording(*touched);
  }
}

// Returns what `run` returns. The client does not learn of a VM whose first invocation fails, so
// that it ends here.
faasnap::FunctionReply Invocations::or_end(const GuestVm& vm,
                                           const std::function<faasnap::FunctionReply()>& run) {
  try {
    return run();
  } catch (...) {
    try {
      vms_.take(vm.id)->vm.stop();
    } catch (const RequestError&) {
      // It has ended by itself, or another client has ended it.
    }
    throw;
  }
}

std::shared_ptr<GuestVm> Invocations::restore(const Start& start, const Call& call,
                                              RequestTrace& trace, faasnap::FunctionReply& reply) {
  const auto snapshot = snapshots_.find(start.snapshot);
  networks_.check(start.network);
  const RestoreChoice choice = choose_restore(start.flags, snapshot->sets());
  std::shared_ptr<const void> reap_claim;
  if (choice.recording == RestoreChoice::Recording::reap) {
    reap_claim = snapshot->claim_reap_recording();
    if (reap_claim == nullptr) {
      throw RequestError(Refusal::conflict,
                         fmt::format("ssId '{}': a VM of the snapshot records for REAP; DELETE it "
                                     "first",
                                     snapshot->id()));
    }
  }
  const auto begun = RequestTrace::Clock::now();
  const auto vm = vms_.restore({.function = snapshot->function(),
                                .snapshot_id = snapshot->id(),
                                .snapshot = snapshot->snapshot(),
                                .network = start.network,
                                .choice = choice,
                                .reap_claim = reap_claim},
                               trace);
  reply = or_end(*vm, [&] { return run_recorded(*vm, call, *snapshot, choice, trace); });
  add_loading(vm->vm, choice.setting, begun, trace);
  return vm;
}

// Lets the VM go, and runs the function while what is asked for is recorded.
faasnap::FunctionReply Invocations::run_recorded(GuestVm& vm, const Call& call,
                                                 GuestSnapshot& snapshot,
                                                 const RestoreChoice& choice, RequestTrace& trace) {
  std::optional<faasnap::WorkingSetRecorder> recorder;
  if (choice.recording == RestoreChoice::Recording::mincore) {
    recorder.emplace(snapshot.snapshot(), vm.vm,
                     faasnap::RecorderOptions{.group_pages = choice.layer_pages});
  }
  const auto begun = RequestTrace::Clock::now();
  {
    const RequestTrace::Child resuming(trace, "vm_resume");
    vm.vm.resume();
  }
  faasnap::FunctionReply reply = run(vm, call, trace);
  if (recorder) {
    const faasnap::WorkingSet recorded = recorder->finish();
    trace.add("scan_mincore", begun, RequestTrace::Clock::now() - begun);
    snapshot.add_recording(recorded);
  }
  return reply;
}

faasnap::FunctionReply Invocations::run(GuestVm& vm, const Call& call, RequestTrace& trace) {
  // An image of one function names it itself, whatever the client calls it.
  const bool own = call.function == vm.function.function.name && !vm.function.agent_name.empty();
  const std::string params = call.params.empty() ? "{}"
                             : own               ? call.params
                                                 : translate_parameters(call.function, call.params);
  const RequestTrace::Child invoking(trace, "invoke_" + call.function);
  return maker_.host().invoke(vm.vm, own ? vm.function.agent_name : call.function, params);
}

}  // namespace platform::artifact
