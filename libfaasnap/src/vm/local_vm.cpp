// SPDX-License-Identifier: Apache-2.0

#include "vm/local_vm.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "base/clock.h"
#include "base/error.h"
#include "base/exception.h"
#include "base/files/fd.h"
#include "base/files/file.h"
#include "base/vm_state.h"
#include "format/snapshot_directory.h"
#include "machine/vcpus/thread_faults.h"
#include "memory/memory_usage.h"
#include "memory/page_scan.h"
#include "memory/page_set.h"
#include "paging/page_cache/preload.h"
#include "snapshot/image_identity.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_files.h"
#include "snapshot/snapshot_writer.h"

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

RestorePlan plan_for(const Snapshot& snapshot, const RestoreOptions& options, bool prepared) {
  return options.record_accesses == AccessRecording::none
             ? snapshot.plan(options.setting, prepared)
             : opened(snapshot).recording_plan(options.setting, options.record_accesses, prepared);
}

}  // namespace

LocalVm::LocalVm(const VmOptions& options, BootFiles files) : snapshots_(files) {
  auto disks = booted_disks(options.disks, std::move(files.disks));
  const machine::MachineShape shape{.vcpus = options.vcpus,
                                    .memory = options.memory,
                                    .guest_cid = options.guest_cid,
                                    .has_root_disk = static_cast<bool>(files.root_image),
                                    .has_balloon = options.report_free_memory,
                                    .has_network = options.attachments.network.has_value(),
                                    .disks = shapes_of(disks)};
  machine_ = std::make_unique<machine::Machine>(shape, std::move(files.root_image.fd),
                                                files.root_image.path, options.attachments,
                                                std::move(disks));
  machine_->give_back_free_memory(true);
  machine_->load_kernel(files.kernel, files.initramfs, options.command_line);
}

LocalVm::LocalVm(const Snapshot& snapshot, const RestoreOptions& options, RootImage root_image,
                 std::vector<base::UniqueFd> disks, bool prepared)
    : LocalVm(snapshot.info(), root_image.identity) {
  opened(snapshot).require_unchanged();
  source_ = snapshot;
  files_ = files_of(opened(snapshot));
  run_ = options.start;
  stats_.prepared = prepared;
  const RestorePlan plan = plan_for(snapshot, options, prepared);
  LapTimer timer;
  if (plan.load_if<PreloadFile>() != nullptr) {
    paging::preload(plan, files_);
    timer.lap(stats_.preload);
  }
  asked_ = base::monotonic_now();
  make_machine(options, std::move(root_image), std::move(disks));
  timer.lap(stats_.create);
  make_pager(plan);
  timer.lap(stats_.map);
  machine_->give_back_free_memory(options.release_free_memory);
  restore_state(options.clock);
  if (options.prefill) {
    machine_->enable_prefill();
  }
  timer.lap(stats_.state);
}

LocalVm::~LocalVm() {
  // vCPUs and devices may be waiting for pages that only the pager can bring.
  if (machine_) {
    machine_->shut_down();
  }
}

void LocalVm::make_machine(const RestoreOptions& options, RootImage root_image,
                           std::vector<base::UniqueFd> disks) {
  const OpenedSnapshot& source = opened(*source_);
  const auto state_file = source.path_of(format::kStateFile);
  if (source.info().vcpus == 0) {
    base::fail(ErrorKind::invalid_argument, kRestore, state_file,
               "the snapshot is only an image: it has no section 'machine'");
  }
  const machine::MachineShape shape = machine::read_shape(source.sections(), state_file);
  if (shape.memory != source.info().memory || shape.vcpus != source.info().vcpus) {
    base::fail(ErrorKind::corrupt, kRestore, state_file,
               "section 'machine': memory and vCPUs differ from the manifest");
  }
  if (shape.has_root_disk != static_cast<bool>(root_image.file)) {
    base::fail(ErrorKind::corrupt, kRestore, state_file,
               "section 'machine': only one of it and the manifest has a root image");
  }
  if (options.attachments.network && !shape.has_network) {
    base::fail(ErrorKind::invalid_argument, kRestore, state_file,
               "a network was given, but the snapshot's guest has no network device");
  }
  machine_ = std::make_unique<machine::Machine>(
      shape, std::move(root_image.file), root_image.identity.path, options.attachments,
      restored_disks(source, shape.disks, std::move(disks)));
}

void LocalVm::make_pager(const RestorePlan& plan) {
  backing_ = std::make_unique<paging::BackingCheck>(plan, files_);
  machine_->guard_memory({.intact = [this] { return backing_->intact(); },
                          .diagnose = [this] { return backing_->diagnose(); }});
  std::function<void(PageRange)> present;
  if (plan.handled() != nullptr) {
    present = [this](PageRange pages) { machine_->prefill(pages); };
  }
  pager_ = std::make_unique<paging::Pager>(
      plan, machine_->memory(), files_,
      paging::PagerCallbacks{
          .failed =
              [this](const std::string& reason) {
                // Not every failure of mapped memory tells which file is at fault.
                const std::string fault = backing_->diagnose();
                machine_->fail(fault.empty() ? reason : fmt::format("{}: {}", reason, fault));
              },
          .present = present});
}

void LocalVm::restore_state(MonotonicClock clock) {
  const OpenedSnapshot& source = opened(*source_);
  try {
    machine_->restore(source.sections(), source.path_of(format::kStateFile), clock);
  } catch (const Error&) {
    check_machine();  // knows better why its memory could not be touched
    throw;
  }
  check_machine();
}

void LocalVm::check_machine() const {
  if (machine_->settled_state() == VmState::internal_error) {
    base::fail(ErrorKind::io, kRestore, source_->directory(), machine_->failure());
  }
}

void LocalVm::check_saved_memory(const std::filesystem::path& path, PageRange unreadable) const {
  if (unreadable.count != 0) {
    machine_->memory().refuse(unreadable, std::strerror(EFAULT));
  }
  // A fault handler that fails ends the machine before it lets anybody see the pages that it could
  // not bring: whoever finds the machine paused has read the guest's own.
  if (const VmState state = machine_->settled_state(); is_final(state)) {
    base::fail(state == VmState::internal_error ? ErrorKind::io : ErrorKind::guest,
               "create snapshot", path, base::describe_end(state, machine_->failure()));
  }
  if (backing_) {
    backing_->require_unchanged();
  }
}

void LocalVm::start() {
  if (!source_) {
    resume();
    return;
  }
  const Nanoseconds begun = base::monotonic_now();
  if (stats_.prepared) {
    asked_ = begun;
  }
  pager_->start();
  if (run_) {
    resume();
  }
  check_machine();
  const Nanoseconds now = base::monotonic_now();
  stats_.start = now - begun;
  stats_.total = now - asked_;
  stats_.mappings = pager_->mappings();
}

void LocalVm::pause() {
  const std::lock_guard lock(pausing_);
  machine_->pause();
  shall_run_ = false;
}

void LocalVm::resume() {
  const std::lock_guard lock(pausing_);
  if (holds_ == 0 || is_final(machine_->state())) {
    machine_->resume();
  }
  shall_run_ = true;
}

LocalVm::Hold::Hold(LocalVm& vm) : vm_(vm) {
  const std::lock_guard lock(vm_.pausing_);
  vm_.machine_->pause();
  ++vm_.holds_;
}

LocalVm::Hold::~Hold() {
  const std::lock_guard lock(vm_.pausing_);
  --vm_.holds_;
  if (vm_.holds_ != 0 || !vm_.shall_run_ || is_final(vm_.machine_->state())) {
    return;
  }
  try {
    vm_.machine_->resume();
  } catch (...) {
    // Has no effect if the machine has ended meanwhile.
    vm_.machine_->fail(base::describe(std::current_exception()));
  }
}

Bytes LocalVm::memory() const {
  return memory::read_present_memory(machine_->memory().host()) + pager_->buffers();
}

void LocalVm::connect(std::uint32_t port, base::UniqueFd stream,
                      std::function<void(std::exception_ptr)> done) {
  machine_->connect(port, std::move(stream), std::move(done));
}

GuestStream LocalVm::connect(std::uint32_t port, Nanoseconds timeout) {
  return GuestStream(machine_->connect(port, timeout).release());
}

void LocalVm::listen(std::uint32_t port, std::function<void(GuestStream)> accept) {
  machine_->listen(port, [accept = std::move(accept)](base::UniqueFd stream) {
    accept(GuestStream(stream.release()));
  });
}

std::vector<PageLoad> LocalVm::loads() const {
  return pager_ ? pager_->loads() : std::vector<PageLoad>{};
}

void LocalVm::wait_loaded() const {
  if (pager_) {
    pager_->wait();
  }
}

std::vector<PageAccess> LocalVm::accesses() const {
  if (pager_->failed()) {
    pager_->wait();
  }
  return pager_->accesses();
}

std::vector<PageRange> LocalVm::possibly_nonzero_pages() const {
  std::vector<PageRange> touched = memory::touched_pages(machine_->memory().host());
  if (!source_) {
    return touched;
  }
  // The guest does not rely on pages that it has given up and not touched since. They may show the
  // file of the earlier snapshot, but a hole is as good.
  const auto kept = opened(*source_).nonzero().minus(memory::PageSet(machine_->released_pages()));
  return memory::PageSet(std::move(touched)).unite(kept).runs();
}

Snapshot LocalVm::snapshot(const std::filesystem::path& path, const SnapshotOptions& options) {
  const machine::MachineShape& shape = machine_->shape();
  return snapshots_.write(path, options, shape.memory, machine::size_of_disks(shape.disks),
                          shape.vcpus, [this](const CaptureFiles& files, const Progress& progress) {
                            return capture(files, progress);
                          });
}

CapturedMachine LocalVm::capture(const CaptureFiles& files, const Progress& progress) {
  const Hold paused(*this);
  CapturedMachine captured{.sections = machine_->save(), .image = {}};
  const std::filesystem::path& path = files.image_path;
  captured.image = format::write_memory_image(
      files.image, path, machine_->memory().host(), possibly_nonzero_pages(), progress,
      [&](PageRange unreadable) { check_saved_memory(path, unreadable); });
  if (files.disks) {
    captured.disks = capture_disks(files, progress);
  }
  check_saved_memory(path, {});
  return captured;
}

format::ImageTable LocalVm::capture_disks(const CaptureFiles& files, const Progress& progress) {
  const auto places = machine::pages_of_disks(machine_->shape().disks);
  const auto contents = machine_->disks();
  std::vector<PageRange> candidates;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    for (const PageRange& pages : contents[i]->data_pages()) {
      candidates.push_back({places[i].first + pages.first.value, pages.count});
    }
  }
  std::vector<std::byte> buffer(format::kChunkPages * kPageSize);
  // The pieces of a candidate are of one disk.
  const auto read = [&](PageRange pages) {
    const auto place = std::ranges::find_if(
        places, [&](const PageRange& disk) { return pages.first < disk.end(); });
    const std::span out(buffer.data(), pages.size().value);
    contents[static_cast<std::size_t>(place - places.begin())]->read(
        (pages.first - place->first) * kPageSize, out);
    return std::span<const std::byte>(out);
  };
  return format::write_image(files.disks, files.disks_path,
                             machine::size_of_disks(machine_->shape().disks), candidates, read,
                             progress);
}

VmStats LocalVm::stats() const {
  VmStats stats;
  stats.restore = restore_stats();
  for (const pid_t thread : machine_->vcpu_thread_ids()) {
    const auto faults = machine::read_thread_faults(thread);
    stats.faults.vcpu_minor += faults.minor;
    stats.faults.vcpu_major += faults.major;
  }
  if (pager_) {
    stats.faults.handled = pager_->faults();
    stats.prefetch = pager_->prefetch_stats();
  }
  stats.io_uring = machine_->io_uring() && stats.prefetch.io_uring;
  stats.free_memory = {.reported = machine_->reported_memory(),
                       .released = machine_->released_memory()};
  stats.network = machine_->network_stats();
  stats.disks = machine_->disk_stats();
  stats.limits = machine_->limit_hits();
  return stats;
}

RestoreStats LocalVm::restore_stats() const {
  RestoreStats stats = stats_;
  stats.prefilled_pages = machine_->prefilled_pages();
  const Nanoseconds entry = machine_->first_entry();
  if (source_ && entry != Nanoseconds(0)) {
    stats.first_instruction = entry - asked_;
  }
  return stats;
}

MemoryUsage LocalVm::memory_usage() const {
  return memory::read_memory_usage(machine_->memory().host());
}

}  // namespace faasnap
