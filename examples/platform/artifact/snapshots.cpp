// SPDX-License-Identifier: Apache-2.0

#include "artifact/snapshots.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <faasnap/page_prefetcher.h>

#include "base/error.h"
#include "base/random_id.h"

namespace platform::artifact {
namespace {

namespace fs = std::filesystem;
using faasnap::Recorder;

constexpr std::size_t kSnapshotIdLength = 8;
// More pages than the largest guest has.
constexpr std::int64_t kMostThreshold = 1 << 22;

std::uint64_t threshold(const Body& body, const char* member) {
  const std::int64_t pages = body.number(member);
  if (pages < 0 || pages > kMostThreshold) {
    throw RequestError(Refusal::invalid,
                       fmt::format("{} {}: expected 0 to {}", member, pages, kMostThreshold));
  }
  return static_cast<std::uint64_t>(pages);
}

std::string filled(const Body& body, const char* member) {
  std::string text = body.text(member);
  if (text.empty()) {
    throw RequestError(Refusal::invalid, fmt::format("{}: expected a text", member));
  }
  return text;
}

// Throws unless every page of the snapshot has left the page cache: what follows is cold.
void drop(const faasnap::Snapshot& snapshot, const std::string& id) {
  if (const auto left = snapshot.drop_caches(); left != 0) {
    throw RequestError(Refusal::unavailable,
                       fmt::format("{}: {} pages stay in the page cache", id, left));
  }
}

SnapshotSets sets_of(const faasnap::Snapshot& snapshot) {
  const auto recording = snapshot.working_set(Recorder::mincore);
  return {.layers = recording ? recording->groups().size() : 0,
          .has_reap_set = snapshot.info().touched_pages != 0};
}

// Returns the regions of memory that the image is mapped over where it is not zero.
std::uint64_t nonzero_regions(const faasnap::Snapshot& snapshot) {
  const auto plan = snapshot.plan(faasnap::Setting::per_region);
  return static_cast<std::uint64_t>(std::ranges::count_if(plan.mappings, [](const auto& mapping) {
    return mapping.backing == faasnap::Backing::memory_file;
  }));
}

}  // namespace

GuestSnapshot::GuestSnapshot(std::string id, GuestFunction function, std::string vm,
                             faasnap::Snapshot snapshot)
    : id_(std::move(id)),
      function_(std::move(function)),
      vm_(std::move(vm)),
      directory_(snapshot.directory()),
      snapshot_(std::move(snapshot)),
      sets_(sets_of(snapshot_)) {}

faasnap::Snapshot GuestSnapshot::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

SnapshotSets GuestSnapshot::sets() const {
  const std::lock_guard lock(mutex_);
  return sets_;
}

void GuestSnapshot::add_recording(const faasnap::WorkingSet& recording,
                                  const faasnap::LoadingSetThresholds& thresholds) {
  const std::lock_guard changing(changing_);
  const fs::path next = directory_.string() + ".next";
  make_room("mem_file_path", next);
  snapshot().derive(next, {.working_set = &recording, .thresholds = thresholds});
  make_room("mem_file_path", directory_);
  fs::rename(next, directory_);
  faasnap::Snapshot changed = faasnap::Snapshot::open(directory_);
  const SnapshotSets sets = sets_of(changed);
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(changed);
  sets_ = sets;
}

std::shared_ptr<const void> GuestSnapshot::claim_reap_recording() {
  const std::lock_guard lock(mutex_);
  if (!reap_claim_.expired()) {
    return nullptr;
  }
  auto claim = std::make_shared<const int>();
  reap_claim_ = claim;
  return claim;
}

Json Snapshots::make(const Body& body, Vms& vms, RequestTrace& trace) {
  const auto vm = vms.find(body.required_text("vmId"));
  const std::string type = filled(body, "snapshot_type");
  const std::string version = filled(body, "version");
  const std::string state_path = filled(body, "snapshot_path");
  const std::string memory_path = filled(body, "mem_file_path");
  // The map of pages that are not zero is part of every snapshot, without gaps bridged.
  const bool regions = body.flag("record_regions");
  const std::uint64_t size = threshold(body, "size_threshold");
  const std::uint64_t interval = threshold(body, "interval_threshold");
  directory_.confine("snapshot_path", state_path);
  const fs::path path = directory_.confine("mem_file_path", memory_path);
  if (type != "Full") {
    throw RequestError(Refusal::invalid,
                       fmt::format("snapshot_type '{:.64}': expected Full", type));
  }
  if (vm->function.gives_up_freed_memory()) {
    const RequestTrace::Child settling(trace, "vm_settle");
    maker_.host().settle(vm->vm);
  }
  clear("mem_file_path", path);
  const auto taken = [&] {
    const RequestTrace::Child writing(trace, "vm_snapshot");
    return keep(vm->function, vm->id, vm->vm.snapshot(path));
  }();
  return {{"vmId", vm->id},
          {"ssId", taken->id()},
          {"snapshot_type", type},
          {"snapshot_path", state_path},
          {"mem_file_path", memory_path},
          {"version", version},
          {"record_regions", regions},
          {"size_threshold", size},
          {"interval_threshold", interval}};
}

Json Snapshots::copy(const std::string& id, const std::string& path) {
  const auto original = find(id);
  const fs::path target = directory_.confine("mem_file_path", path);
  if (target == original->directory()) {
    throw RequestError(Refusal::invalid,
                       fmt::format("mem_file_path '{:.200}': is the original itself", path));
  }
  clear("mem_file_path", target);
  copy_snapshot(original->directory(), target);
  const auto made = keep(original->function(), original->vm(), faasnap::Snapshot::open(target));
  return {{"vmId", ""}, {"ssId", made->id()}, {"mem_file_path", path}};
}

void Snapshots::change(const std::string& id, const Body& body) {
  const auto found = find(id);
  // Zero pages are holes from the beginning.
  body.flag("dig_hole");
  if (body.flag("load_cache")) {
    read_through(found->directory());
  }
  if (body.flag("drop_cache")) {
    drop(found->snapshot(), id);
  }
}

Json Snapshots::recording(const std::string& id) const {
  const auto found = find(id);
  const std::size_t layers = found->sets().layers;
  if (layers == 0) {
    throw RequestError(Refusal::not_found,
                       fmt::format("ssId '{:.64}': the snapshot has no recording", id));
  }
  const faasnap::Snapshot snapshot = found->snapshot();
  const faasnap::SnapshotInfo& info = snapshot.info();
  return {{"nlayers", layers},
          {"n_nz_regions", nonzero_regions(snapshot)},
          {"nz_region_size", info.nonzero_pages},
          {"n_ws_regions", info.loading_set_regions},
          {"ws_region_size", info.loading_set_pages}};
}

void Snapshots::carry_over(const std::string& id, const std::string& source) {
  const auto target = find(id);
  if (source.empty()) {
    throw RequestError(Refusal::invalid, "source in query: expected the id of a snapshot");
  }
  const auto recording = find(source)->snapshot().working_set(Recorder::mincore);
  if (!recording) {
    throw RequestError(Refusal::not_found,
                       fmt::format("source '{:.64}': the snapshot has no recording", source));
  }
  target->add_recording(*recording);
}

void Snapshots::change_recording(const std::string& id, const Body& body, RequestTrace& trace) {
  const auto found = find(id);
  const std::uint64_t layer = threshold(body, "from_records_size");
  const auto cached = body.numbers("mincore_cache");
  const bool drops = body.flag("drop_ws_cache");
  // A loading set has no zero pages.
  body.flag("trim_regions");
  if (layer != 0) {
    const auto touched = found->snapshot().working_set(Recorder::userfaultfd);
    if (!touched || found->sets().layers != 0) {
      throw RequestError(Refusal::invalid,
                         fmt::format("from_records_size: the snapshot has {}",
                                     touched ? "layers already" : "no recording by REAP"));
    }
    const auto layered = faasnap::WorkingSet::from_accesses(
        touched->snapshot_id(), touched->memory(), touched->accesses(), layer);
    found->add_recording({touched->snapshot_id(), touched->memory(), layered.groups()});
  }
  if (!body.text("to_ws_file").empty()) {
    make_loading_set(*found, body);
  }
  if (!cached.empty()) {
    check_every_layer("mincore_cache", cached, found->sets().layers);
    const RequestTrace::Child loading(trace, "load_mincore");
    const faasnap::Snapshot snapshot = found->snapshot();
    drop(snapshot, id);
    faasnap::PagePrefetcher(snapshot, snapshot.plan(faasnap::Setting::concurrent)).wait();
    return;
  }
  if (drops) {
    drop(found->snapshot(), id);
  }
}

void Snapshots::make_loading_set(GuestSnapshot& snapshot, const Body& body) {
  // The set is a file of the snapshot, so that the name is only checked.
  directory_.confine("to_ws_file", body.text("to_ws_file"));
  for (const char* member : {"zero_ws", "inactive_ws"}) {
    if (body.flag(member)) {
      throw RequestError(Refusal::invalid,
                         fmt::format("{}: a loading set has the recorded pages that are not zero, "
                                     "and no others; expected false",
                                     member));
    }
  }
  const faasnap::LoadingSetThresholds thresholds{
      .merge_gap_pages = threshold(body, "interval_threshold"),
      .minimum_pages = threshold(body, "size_threshold")};
  const auto recording = snapshot.snapshot().working_set(Recorder::mincore);
  if (!recording) {
    throw RequestError(Refusal::invalid, "to_ws_file: the snapshot has no recording");
  }
  snapshot.add_recording(*recording, thresholds);
}

void Snapshots::drop_reap_set(const std::string& id) {
  const auto found = find(id);
  if (!found->sets().has_reap_set) {
    throw RequestError(Refusal::invalid,
                       fmt::format("ssId '{:.64}': the snapshot has no working set of REAP", id));
  }
  drop(found->snapshot(), id);
}

std::shared_ptr<GuestSnapshot> Snapshots::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = snapshots_.find(id);
  if (found == snapshots_.end()) {
    throw RequestError(Refusal::not_found, fmt::format("ssId '{:.64}': no such snapshot", id));
  }
  return found->second;
}

Json Snapshots::overview() const {
  const std::lock_guard lock(mutex_);
  Json snapshots = Json::object();
  for (const auto& [id, each] : snapshots_) {
    snapshots[id] = {{"function", each->function().function.name},
                     {"memFilePath", each->directory().string()},
                     {"size", each->snapshot().info().memory.value},
                     {"blockSize", faasnap::kPageSize},
                     {"snapshotType", "Full"},
                     {"snapshotId", id}};
  }
  return snapshots;
}

std::shared_ptr<GuestSnapshot> Snapshots::keep(GuestFunction function, const std::string& vm,
                                               faasnap::Snapshot snapshot) {
  auto kept = std::make_shared<GuestSnapshot>("ss_" + random_word(kSnapshotIdLength),
                                              std::move(function), vm, std::move(snapshot));
  const std::lock_guard lock(mutex_);
  snapshots_.emplace(kept->id(), kept);
  return kept;
}

void Snapshots::clear(const char* member, const fs::path& path) {
  make_room(member, path);
  const std::lock_guard lock(mutex_);
  std::erase_if(snapshots_, [&](const auto& each) { return each.second->directory() == path; });
  if (snapshots_.size() >= kMost) {
    throw RequestError(Refusal::throttled, fmt::format("there are {} snapshots already", kMost));
  }
}

}  // namespace platform::artifact
