// SPDX-License-Identifier: Apache-2.0

#include "run/invocation.h"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <utility>

#include <faasnap/vm.h>
#include <faasnap/working_set_recorder.h>

#include "run/guest_network.h"
#include "run/interruption.h"
#include "run/miss_notes.h"
#include "run/started_worker.h"
#include "tools/accelerator.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

using Clock = std::chrono::steady_clock;

Nanoseconds since(Clock::time_point begin) { return Clock::now() - begin; }

FaultStats difference(const FaultStats& after, const FaultStats& before) {
  return {.vcpu_major = after.vcpu_major - before.vcpu_major,
          .vcpu_minor = after.vcpu_minor - before.vcpu_minor,
          .handled = after.handled - before.handled};
}

std::map<std::string, std::string> tags_of(const InvocationPlan& plan) {
  return {{"setting", to_string(plan.origin)},
          {"function", plan.function},
          {"accelerator", tools::accelerator()}};
}

}  // namespace

Nanoseconds epoch_now() {
  return std::chrono::duration_cast<Nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

// The VM that the warm setting keeps.
struct Invoker::Warm {
  Warm(VM&& made, GuestNetwork&& end, const std::stop_token& stop)
      : network(std::move(end)), vm(std::move(made)), stop_guest(stop, [this] { vm.stop(); }) {}
  GuestNetwork network;
  VM vm;
  StoreAccount account;
  std::stop_callback<std::function<void()>> stop_guest;
};

Invoker::Invoker(InvocationPlan plan, FunctionHost& host, std::stop_token stop)
    : plan_(std::move(plan)), host_(host), stop_(std::move(stop)) {}

Invoker::~Invoker() = default;

InvocationRecord Invoker::run(Trace& trace) {
  if (stop_.stop_requested()) {
    throw Interrupted();
  }
  if (const auto* setting = std::get_if<Setting>(&plan_.origin)) {
    return run_restored(*setting, trace);
  }
  return tools::is_warm(plan_.origin) ? run_warm(trace) : run_booted(trace);
}

// Called before what precedes the measurement, and takes place beside it.
std::optional<WorkerOptions> Invoker::next_worker() {
  if (plan_.worker && std::exchange(used_worker_, true)) {
    plan_.worker = started_worker();
  }
  return plan_.worker;
}

InvocationRecord Invoker::run_restored(Setting setting, Trace& trace) {
  InvocationRecord record;
  RestoreOptions options;
  options.worker = next_worker();
  if (plan_.drop_caches) {
    plan_.snapshot.drop_caches();
  }
  record.cached_before = cached_pages(plan_.snapshot);
  options.setting = setting;
  options.root_image = plan_.root_image;
  options.image_directories = plan_.image_directories;
  options.prefill = plan_.prefill;
  options.record_accesses = !plan_.recording.empty()    ? AccessRecording::all
                            : !plan_.miss_notes.empty() ? AccessRecording::misses
                                                        : AccessRecording::none;
  options.attachments.limits = plan_.limits;
  options.attachments.scratch_directory = plan_.scratch_directory;
  const GuestNetwork network(plan_.network);
  options.attachments.network = network.options();
  const Nanoseconds made = epoch_now();
  std::optional<PreparedVM> prepared;
  if (plan_.prepared) {
    const auto preparing = Clock::now();
    prepared = VM::prepare(plan_.snapshot, options);
    record.prepare = since(preparing);
  }
  const Nanoseconds asked = epoch_now();
  const auto begun = Clock::now();
  VM vm = prepared ? prepared->start() : VM::restore(plan_.snapshot, options);
  const StoreAccount account = host_.attach(vm);
  // The file that `cached` reads beforehand is preparation, not part of the invocation.
  const Nanoseconds preload = prepared ? Nanoseconds(0) : vm.stats().restore.preload;
  record.network = set_network(vm);
  record.setup = since(begun) - preload;
  const std::stop_callback stop_guest(stop_, [&vm] { vm.stop(); });
  std::optional<WorkingSetRecorder> recorder;
  if (options.record_accesses != AccessRecording::none) {
    recorder.emplace(plan_.snapshot, vm, RecorderOptions{.recorder = Recorder::userfaultfd});
  }
  InvocationSpans spans(trace, tags_of(plan_));
  if (first_) {
    spans.add_open(plan_.opened, plan_.opening);
    first_ = false;
  }
  invoke(vm, record, spans);
  const Nanoseconds end = epoch_now();
  if (recorder) {
    keep(recorder->finish());
  }
  const VmStats stats = vm.stats();
  record.restore = stats.restore;
  record.prefetch = stats.prefetch;
  record.limits = stats.limits;
  record.store = account.use();
  spans.add_setup(asked + preload, record.setup);
  spans.add_restore(made, asked + preload, record.restore);
  if (plan_.recorded) {
    spans.add_groups(asked + preload, record.restore, vm.loads(), *plan_.recorded);
  }
  spans.finish(asked + preload, end);
  return record;
}

void Invoker::keep(const WorkingSet& recorded) const {
  if (!plan_.recording.empty()) {
    recorded.save(plan_.recording);
  } else if (!add_miss_note(plan_.miss_notes, recorded)) {
    throw tools::Failure(
        fmt::format("{}: has {} notes already, expected fewer: 'faasnap snapshot refresh' uses "
                    "them, and then they can be removed",
                    plan_.miss_notes.string(), kMostMissNotes));
  }
}

InvocationRecord Invoker::run_booted(Trace& trace) {
  InvocationRecord record;
  const SnapshotInfo& info = plan_.snapshot.info();
  VmOptions options;
  options.worker = next_worker();
  const auto allowed = [&](const FileIdentity& image) {
    return image.path.empty() ? image.path : find_image(image, plan_.image_directories);
  };
  options.kernel = allowed(info.kernel);
  options.initramfs = allowed(info.initramfs);
  options.root_image = plan_.root_image.empty() ? allowed(info.root_image) : plan_.root_image;
  options.vcpus = info.vcpus;
  options.memory = info.memory;
  options.disks = plan_.disks.disks;
  options.attachments.limits = plan_.limits;
  options.attachments.scratch_directory = plan_.scratch_directory;
  const GuestNetwork network(plan_.network);
  options.attachments.network = network.options();
  options.command_line += plan_.disks.words + " quiet faasnap.function=" + plan_.function;
  const Nanoseconds start = epoch_now();
  const auto begun = Clock::now();
  VM vm = host_.boot(options, {.stop = stop_, .network = plan_.network.config});
  record.setup = since(begun);
  const std::stop_callback stop_guest(stop_, [&vm] { vm.stop(); });
  InvocationSpans spans(trace, tags_of(plan_));
  spans.add_setup(start, record.setup);
  invoke(vm, record, spans);
  spans.finish(start, epoch_now());
  return record;
}

InvocationRecord Invoker::run_warm(Trace& trace) {
  if (!warm_) {
    RestoreOptions options;
    options.setting = Setting::cached;
    options.worker = next_worker();
    options.root_image = plan_.root_image;
    options.image_directories = plan_.image_directories;
    options.attachments.limits = plan_.limits;
    options.attachments.scratch_directory = plan_.scratch_directory;
    GuestNetwork network(plan_.network);
    options.attachments.network = network.options();
    warm_ = std::make_unique<Warm>(VM::restore(plan_.snapshot, options), std::move(network), stop_);
    warm_->account = host_.attach(warm_->vm);
    set_network(warm_->vm);
    host_.invoke(warm_->vm, plan_.function, tools::to_text(plan_.record_input));
  }
  InvocationRecord record;
  record.cached_before = cached_pages(plan_.snapshot);
  const FaultStats before = warm_->vm.stats().faults;
  InvocationSpans spans(trace, tags_of(plan_));
  const Nanoseconds start = epoch_now();
  invoke(warm_->vm, record, spans);
  spans.finish(start, epoch_now());
  record.faults = difference(record.faults, before);
  record.store = warm_->account.use();
  return record;
}

// Returns how long it took.
Nanoseconds Invoker::set_network(VM& vm) {
  const auto begun = Clock::now();
  if (plan_.network.config) {
    host_.set_network(vm, *plan_.network.config);
  }
  return since(begun);
}

void Invoker::invoke(VM& vm, InvocationRecord& record, InvocationSpans& spans) {
  const Nanoseconds start = epoch_now();
  const FunctionReply reply =
      host_.invoke(vm, plan_.function, tools::to_text(plan_.input), {.caller = spans.for_guest()});
  record.invoke = reply.total;
  const VmStats stats = vm.stats();
  record.faults = stats.faults;
  record.io_uring = stats.io_uring;
  record.memory = vm.memory_usage();
  record.handler = reply.handler;
  record.agent = reply.agent;
  spans.add_invoke(start, record.invoke, reply.first_byte);
  spans.add_guest(start + reply.first_byte, reply);
  record.result = tools::parse_json(reply.result).value();
}

}  // namespace faasnap::cli
