#include "paging/plan/planner.h"

#include "base/error.h"
#include "paging/plan/installed_sets.h"
#include "paging/plan/layered_mappings.h"
#include "paging/plan/plan_inputs.h"

namespace faasnap::paging {
namespace {

PageRange whole(Bytes memory) { return {PageIndex{0}, memory.pages()}; }

void read_from_memory_file(RestorePlan& plan, std::span<const PageRange> runs) {
  for (const PageRange& run : runs) {
    plan.reads.push_back({Backing::memory_file, run.first.offset(), run});
  }
}

void read_regions(RestorePlan& plan, Backing file, std::span<const format::StoredPageRun> regions) {
  for (const auto& region : regions) {
    plan.reads.push_back({file, region.file_offset, region.guest});
  }
}

RestorePlan plan_memory_file(Setting setting, const PlanInputs& inputs) {
  RestorePlan plan;
  plan.setting = setting;
  plan.mappings.push_back({whole(inputs.memory), Backing::memory_file, {}});
  plan.preload_memory_file = setting == Setting::cached;
  return plan;
}

// Zero pages are read as well: a first touch of a hole of a mapped file waits for the file system
// as any other does.
RestorePlan plan_concurrent(const PlanInputs& inputs) {
  check_recorded(inputs);
  RestorePlan plan = plan_memory_file(Setting::concurrent, inputs);
  plan.read_at_once = !inputs.prepared;
  plan.single_page_faults = true;
  for (const auto& group : inputs.recorded) {
    read_from_memory_file(plan, group);
  }
  return plan;
}

RestorePlan plan_layers(Setting setting, const PlanInputs& inputs,
                        std::span<const format::StoredPageRun> loading_set) {
  RestorePlan plan;
  plan.setting = setting;
  plan.single_page_faults = true;
  plan.read_at_once = !inputs.prepared;
  plan.mappings.push_back({whole(inputs.memory), Backing::anonymous, {}});
  map_layers(plan, inputs.nonzero, loading_set);
  return plan;
}

RestorePlan plan_per_region(const PlanInputs& inputs) {
  check_recorded(inputs);
  check_nonzero(inputs);
  RestorePlan plan = plan_layers(Setting::per_region, inputs, {});
  for (const auto& group : inputs.recorded) {
    read_from_memory_file(plan, split_group(group, inputs.nonzero).data);
  }
  return plan;
}

RestorePlan plan_faasnap(const PlanInputs& inputs) {
  check_nonzero(inputs);
  check_regions(inputs.loading_set, {}, inputs, "the loading set");
  RestorePlan plan = plan_layers(Setting::faasnap, inputs, inputs.loading_set);
  read_regions(plan, Backing::loading_set, inputs.loading_set);
  if (inputs.prepared) {
    plan.zero_pages = zero_runs_outside(inputs.loading_set, inputs.zero_runs);
    plan.entries = entries_inside(inputs.loading_set, inputs.accesses);
  }
  return plan;
}

// Nothing is mapped: whatever is not installed is answered from the memory file.
RestorePlan plan_handled(Setting setting, const PlanInputs& inputs) {
  check_nonzero(inputs);
  RestorePlan plan;
  plan.setting = setting;
  plan.fault_handler = FaultHandler::userfaultfd;
  plan.delivery = Delivery::install;
  plan.mappings.push_back({whole(inputs.memory), Backing::anonymous, {}});
  plan.nonzero.assign(inputs.nonzero.begin(), inputs.nonzero.end());
  return plan;
}

RestorePlan plan_reap(const PlanInputs& inputs) {
  RestorePlan plan = plan_handled(Setting::reap, inputs);
  check_regions(inputs.reap_set, {}, inputs, "the REAP set");
  plan.load_before_start = true;
  read_regions(plan, Backing::reap_set, inputs.reap_set);
  return plan;
}

RestorePlan plan_stream(const PlanInputs& inputs) {
  RestorePlan plan = plan_handled(Setting::stream, inputs);
  check_regions(inputs.stream_set, inputs.zero_runs, inputs, "the stream set");
  read_regions(plan, Backing::stream_set, inputs.stream_set);
  plan.zero_pages.assign(inputs.zero_runs.begin(), inputs.zero_runs.end());
  return plan;
}

}  // namespace

RestorePlan plan_restore(Setting setting, const PlanInputs& inputs) {
  check_memory(inputs);
  switch (setting) {
    case Setting::lazy:
    case Setting::cached:
      return plan_memory_file(setting, inputs);
    case Setting::concurrent:
      return plan_concurrent(inputs);
    case Setting::per_region:
      return plan_per_region(inputs);
    case Setting::faasnap:
      return plan_faasnap(inputs);
    case Setting::reap:
      return plan_reap(inputs);
    case Setting::stream:
      return plan_stream(inputs);
    case Setting::warm:
    case Setting::boot:
      break;
  }
  base::fail(ErrorKind::invalid_argument, "plan restore", {},
             "the settings warm and boot restore nothing");
}

RestorePlan plan_recording(const PlanInputs& inputs) {
  check_memory(inputs);
  RestorePlan plan = plan_handled(Setting::lazy, inputs);
  plan.record_accesses = true;
  return plan;
}

}  // namespace faasnap::paging
