// SPDX-License-Identifier: Apache-2.0

#include "artifact/vms.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/random_id.h"

namespace platform::artifact {
namespace {

constexpr std::size_t kIdLength = 8;

// The artifact's functions `exec`, `run` and `allocate` of an image of several
// (docs/guide/guest-agent.md).
constexpr const char* kArtifactFunctions = " faasnap.artifact=1";

[[noreturn]] void fail_unknown(const std::string& id) {
  throw RequestError(Refusal::not_found, fmt::format("vmId '{:.64}': no such VM", id));
}

}  // namespace

std::shared_ptr<GuestVm> Vms::boot(const GuestFunction& function, const std::string& network,
                                   RequestTrace& trace) {
  const RequestTrace::Child whole(trace, "doStartVM_" + function.function.name);
  Admission::Slot slot = enter(function);
  faasnap::VmOptions options = maker_.guest(function.function);
  options.vcpus = function.vcpus;
  options.report_free_memory = function.gives_up_freed_memory();
  if (function.agent_name.empty()) {
    options.command_line += kArtifactFunctions;
  }
  const RequestTrace::Child booting(trace, "firecracker_start_vm");
  faasnap::VM vm = maker_.host().boot(
      options, {.timeout = config_.vm.boot_timeout, .stop = closing_.get_token()});
  return keep({.id = random_word(kIdLength),
               .function = function,
               .network = network,
               .slot = std::move(slot),
               .vm = std::move(vm)});
}

std::shared_ptr<GuestVm> Vms::restore(const RestoreRequest& request, RequestTrace& trace) {
  const RestoreChoice& choice = request.choice;
  Admission::Slot slot = enter(request.function);
  faasnap::RestoreOptions options = maker_.restore_options(choice.setting);
  options.root_image = request.function.function.image / "rootfs.img";
  const bool reap_records = choice.recording == RestoreChoice::Recording::reap;
  options.record_accesses =
      reap_records ? faasnap::AccessRecording::all : faasnap::AccessRecording::none;
  // What the recorded invocation frees is to be zero in the snapshot that follows.
  options.release_free_memory = choice.recording == RestoreChoice::Recording::mincore &&
                                request.function.gives_up_freed_memory();
  options.start = false;
  const auto reserved = take_reserved();
  if (reserved) {
    options.worker->pool = reserved->worker;
  }
  const RequestTrace::Child loading(trace, "request_load_snapshot");
  faasnap::VM vm = faasnap::VM::restore(request.snapshot, options);
  maker_.host().attach(vm);
  std::unique_ptr<faasnap::WorkingSetRecorder> reap_recorder;
  if (reap_records) {
    reap_recorder = std::make_unique<faasnap::WorkingSetRecorder>(
        request.snapshot, vm, faasnap::RecorderOptions{.recorder = faasnap::Recorder::userfaultfd});
  }
  return keep({.id = reserved ? reserved->id : random_word(kIdLength),
               .function = request.function,
               .network = request.network,
               .snapshot = request.snapshot_id,
               .slot = std::move(slot),
               .vm = std::move(vm),
               .reap_recorder = std::move(reap_recorder),
               .reap_claim = request.reap_claim});
}

std::string Vms::reserve() {
  invoker_.check_usable();
  const std::lock_guard lock(mutex_);
  if (reserved_.size() >= config_.limits.concurrency) {
    throw RequestError(Refusal::throttled, fmt::format("{} VMMs wait already", reserved_.size()));
  }
  reserved_.push_back({random_word(kIdLength),
                       std::make_shared<faasnap::WorkerPool>(faasnap::WorkerOptions{}, 1, false)});
  return reserved_.back().id;
}

std::shared_ptr<GuestVm> Vms::find(const std::string& id) {
  forget_ended();
  const std::lock_guard lock(mutex_);
  const auto found = vms_.find(id);
  if (found == vms_.end()) {
    fail_unknown(id);
  }
  return found->second;
}

std::shared_ptr<GuestVm> Vms::take(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = vms_.find(id);
  if (found == vms_.end()) {
    fail_unknown(id);
  }
  return vms_.extract(found).mapped();
}

std::vector<std::shared_ptr<GuestVm>> Vms::list() {
  forget_ended();
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<GuestVm>> list;
  for (const auto& [id, vm] : vms_) {
    list.push_back(vm);
  }
  return list;
}

void Vms::close() {
  closing_.request_stop();
  const std::lock_guard lock(mutex_);
  for (const auto& [id, vm] : vms_) {
    vm->vm.stop();
  }
}

Admission::Slot Vms::enter(const GuestFunction& function) {
  forget_ended();
  return invoker_.make_room({.function = function.function.name,
                             .concurrency = config_.limits.concurrency,
                             .memory_mib = function.function.memory_mib});
}

Admission::Slot Vms::enter_to_run(const GuestVm& vm) {
  return invoker_.make_room(
      {.function = vm.function.function.name, .concurrency = config_.limits.concurrency});
}

std::shared_ptr<GuestVm> Vms::keep(GuestVm vm) {
  auto kept = std::make_shared<GuestVm>(std::move(vm));
  const std::lock_guard lock(mutex_);
  if (closing_.stop_requested()) {
    throw RequestError(Refusal::throttled, "the platform is shutting down");
  }
  vms_.emplace(kept->id, kept);
  return kept;
}

std::optional<Vms::Reserved> Vms::take_reserved() {
  const std::lock_guard lock(mutex_);
  if (reserved_.empty()) {
    return std::nullopt;
  }
  Reserved reserved = std::move(reserved_.front());
  reserved_.pop_front();
  return reserved;
}

void Vms::forget_ended() {
  // Destroyed without the lock.
  std::vector<std::shared_ptr<GuestVm>> ended;
  const std::lock_guard lock(mutex_);
  for (auto each = vms_.begin(); each != vms_.end();) {
    const auto here = each++;
    if (faasnap::is_final(here->second->vm.state())) {
      ended.push_back(vms_.extract(here).mapped());
    }
  }
}

Json to_json(const GuestVm& vm) {
  return {{"vmId", vm.id},
          {"func_name", vm.function.function.name},
          {"ssId", vm.snapshot},
          {"namespace", vm.network},
          {"state", faasnap::to_string(vm.vm.state())}};
}

}  // namespace platform::artifact
