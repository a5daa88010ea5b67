#include "api/vm_impl.h"

#include <fmt/format.h>

#include "api/page_prefetcher_impl.h"
#include "api/snapshot_files.h"
#include "api/snapshot_impl.h"
#include "api/snapshot_writer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "format/page_scan.h"
#include "format/snapshot_directory.h"
#include "paging/mapper.h"
#include "paging/memory_usage.h"
#include "paging/preload.h"
#include "paging/thread_faults.h"

namespace faasnap {
namespace {

// Adds the time since construction, or since the last lap, to a duration.
class LapTimer {
 public:
  void lap(Nanoseconds& into) {
    const Nanoseconds now = base::monotonic_now();
    into += now - last_;
    last_ = now;
  }

 private:
  Nanoseconds last_ = base::monotonic_now();
};

// Keeps a machine paused, and lets one that was running go on afterwards.
class PausedScope {
 public:
  explicit PausedScope(machine::Machine& machine)
      : machine_(machine), was_running_(machine.state() == VmState::running) {
    machine_.pause();
  }
  ~PausedScope() {
    try {
      if (was_running_) {
        machine_.resume();
      }
    } catch (const Error&) {
      // The machine has been stopped meanwhile, which its state says.
    }
  }
  PausedScope(const PausedScope&) = delete;
  PausedScope& operator=(const PausedScope&) = delete;

 private:
  machine::Machine& machine_;
  bool was_running_;
};

base::UniqueFd open_root_image(const std::filesystem::path& path) {
  return path.empty() ? base::UniqueFd() : base::open_regular(path);
}

// A root image in the place of the one that the snapshot was taken with. Its content is compared by
// Snapshot::verify only: reading it here would cost more than the restore.
base::UniqueFd open_same_root_image(const FileIdentity& expected,
                                    const std::filesystem::path& path) {
  base::UniqueFd image = open_root_image(path);
  if (image) {
    const Bytes size = base::file_size(image, path);
    if (size != expected.size) {
      base::fail(ErrorKind::invalid_argument, "open root image", path,
                 fmt::format("has {} bytes, expected the {} bytes of the snapshot's root image {}",
                             size.value, expected.size.value, expected.path.string()));
    }
  }
  return image;
}

}  // namespace

VM::Impl::Impl(const VmOptions& options) {
  kernel_.path = options.kernel;
  initramfs_.path = options.initramfs;
  root_image_.path = options.root_image;
  machine_ = std::make_unique<machine::Machine>(
      machine::MachineShape{.vcpus = options.vcpus,
                            .memory = options.memory,
                            .guest_cid = options.guest_cid,
                            .has_root_disk = !options.root_image.empty(),
                            .has_balloon = options.report_free_memory},
      open_root_image(options.root_image), options.root_image, options.attachments);
  machine_->give_back_free_memory(true);
  machine_->load_kernel(options);
  machine_->resume();
}

VM::Impl::Impl(const Snapshot& snapshot, const RestoreOptions& options)
    : kernel_(snapshot.info().kernel),
      initramfs_(snapshot.info().initramfs),
      root_image_(snapshot.info().root_image),
      identified_(true),
      source_(snapshot) {
  const Snapshot::Impl& source = snapshot.impl();
  const RestorePlan plan = snapshot.plan(options.setting);
  const paging::Files files = files_of(source);
  LapTimer timer;
  if (plan.preload_memory_file) {
    paging::preload(files.memory, snapshot.info().memory);
    timer.lap(stats_.preload);
  }
  restore_call_ = base::monotonic_now();

  const auto state_file = source.path_of(format::kStateFile);
  const machine::MachineShape shape = machine::read_shape(source.sections(), state_file);
  if (shape.memory != snapshot.info().memory || shape.vcpus != snapshot.info().vcpus) {
    base::fail(ErrorKind::corrupt, "restore virtual machine", state_file,
               "section 'machine': memory and vCPUs differ from what the manifest says");
  }
  if (shape.has_root_disk && !options.root_image.empty()) {
    root_image_.path = options.root_image;
  }
  machine_ = std::make_unique<machine::Machine>(
      shape,
      shape.has_root_disk ? open_same_root_image(snapshot.info().root_image, root_image_.path)
                          : base::UniqueFd(),
      root_image_.path, options.attachments);
  timer.lap(stats_.create);

  stats_.mappings = paging::apply(plan, machine_->memory(), files);
  timer.lap(stats_.map);
  if (!plan.reads.empty()) {
    prefetcher_ = PagePrefetcher::Impl::make(snapshot, plan, machine_->memory().host().data());
  }
  machine_->give_back_free_memory(options.release_free_memory);
  machine_->restore(source.sections(), state_file);
  timer.lap(stats_.state);
  if (options.start) {
    machine_->resume();
  }
  stats_.total = base::monotonic_now() - restore_call_;
}

void VM::Impl::identify_files() {
  if (!identified_) {
    for (FileIdentity* file : {&kernel_, &initramfs_, &root_image_}) {
      if (!file->path.empty()) {
        *file = identify_file(file->path);
      }
    }
    identified_ = true;
  }
}

std::vector<PageRange> VM::Impl::possibly_nonzero_pages() const {
  const auto touched = format::touched_pages(machine_->memory().host());
  if (!source_) {
    return touched;
  }
  // What the guest has given up and not touched since is nobody's: its place may show the file of
  // the earlier snapshot, but a hole is as good.
  const auto kept =
      format::difference_of(source_->impl().image_table().nonzero, machine_->released_pages());
  return format::union_of(touched, kept);
}

Snapshot VM::Impl::snapshot(const std::filesystem::path& path, const SnapshotOptions& options) {
  const std::lock_guard lock(snapshot_mutex_);
  identify_files();
  const PausedScope paused(*machine_);
  const auto sections = machine_->save();
  const auto candidates = possibly_nonzero_pages();
  return create_snapshot(path, {
                                   .sections = sections,
                                   .memory = machine_->memory().host(),
                                   .candidates = candidates,
                                   .vcpus = machine_->shape().vcpus,
                                   .kernel = kernel_,
                                   .initramfs = initramfs_,
                                   .root_image = root_image_,
                                   .labels = options.labels,
                                   .working_set = options.working_set,
                                   .thresholds = options.thresholds,
                               });
}

VmCounters VM::Impl::counters() const {
  VmCounters counters;
  for (const pid_t thread : machine_->vcpu_thread_ids()) {
    const auto faults = paging::read_thread_faults(thread);
    counters.vcpu_minor_faults += faults.minor;
    counters.vcpu_major_faults += faults.major;
  }
  const auto usage = paging::read_memory_usage(machine_->memory().host());
  counters.resident = usage.resident;
  counters.proportional = usage.proportional;
  counters.reported = machine_->reported_memory();
  counters.released = machine_->released_memory();
  return counters;
}

RestoreStats VM::Impl::restore_stats() const {
  RestoreStats stats = stats_;
  const Nanoseconds entry = machine_->first_entry();
  if (source_ && entry != Nanoseconds(0)) {
    stats.first_instruction = entry - restore_call_;
  }
  return stats;
}

}  // namespace faasnap
