// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include "base/error.h"
#include "paging/page_cache/residency.h"
#include "paging/plan/planner.h"
#include "snapshot/opened_snapshot.h"

namespace faasnap {
namespace {

[[noreturn]] void fail_lacking(const std::filesystem::path& directory, Setting setting,
                               const std::string& file, const char* recording) {
  base::fail(ErrorKind::not_found, "plan restore", directory,
             fmt::format("the setting '{}' needs {}, which this snapshot lacks: 'faasnap record' "
                         "makes it, from {}",
                         to_string(setting), file, recording));
}

constexpr const char* kTouches = "a recording by userfaultfd";

std::string file_named(std::string_view name) { return fmt::format("the file '{}'", name); }

}  // namespace

std::vector<paging::ImageLayer> OpenedSnapshot::image_layers() const {
  if (!base_) {
    return {};
  }
  std::vector<paging::ImageLayer> layers;
  for (const OpenedSnapshot* layer : this->layers()) {
    layers.push_back({.shown = map_.pages_of(static_cast<std::uint32_t>(layers.size())),
                      .stored = memory::PageSet(layer->image_.stored)});
  }
  return layers;
}

// True if nearly all pages of the stream set that come from bases are in the page cache, as far as
// the kernel tells.
bool OpenedSnapshot::bases_are_cached() const {
  if (!base_) {
    return false;
  }
  const auto layers = this->layers();
  std::uint64_t pages = 0;
  std::uint64_t cached = 0;
  for (const format::StoredPageRun& region : stream_set_->regions) {
    map_.cut(region.guest, [&](PageRange part, std::optional<std::uint32_t> layer) {
      if (layer.value_or(0) != 0) {
        pages += part.count;
        cached += paging::cached_pages(layers[*layer]->fd_of(format::kMemoryFile),
                                       part.first.offset(), part.size())
                      .value_or(0);
      }
    });
  }
  return pages != 0 && cached >= pages - pages / 20;
}

RestorePlan OpenedSnapshot::plan(Setting setting, bool prepared) const {
  const auto layers = image_layers();
  paging::PlanInputs inputs{
      .memory = info().memory, .nonzero = nonzero_.runs(), .layers = layers, .prepared = prepared};
  std::optional<WorkingSet> recorded;
  switch (setting) {
    case Setting::concurrent:
    case Setting::per_region:
      recorded = working_set(Recorder::mincore);
      if (!recorded) {
        recorded = working_set(Recorder::userfaultfd);
      }
      if (!recorded) {
        fail_lacking(
            directory_, setting,
            fmt::format("the file '{}' or '{}'", format::kWorkingSetFile, format::kTouchedSetFile),
            "an invocation");
      }
      inputs.recorded = recorded->groups();
      break;
    case Setting::faasnap:
      if (!loading_set_) {
        fail_lacking(directory_, setting, file_named(format::kLoadingSetFile),
                     "any recording of an invocation");
      }
      inputs.loading_set = loading_set_->regions;
      if (stream_set_) {
        inputs.zero_runs = stream_set_->zero_runs;
      }
      if (prepared && (recorded = working_set(Recorder::userfaultfd))) {
        inputs.accesses = recorded->accesses();
      }
      break;
    case Setting::reap:
      if (!reap_set_) {
        fail_lacking(directory_, setting, file_named(format::kReapSetFile), kTouches);
      }
      inputs.reap_set = reap_set_->regions;
      break;
    case Setting::stream:
      if (!stream_set_) {
        fail_lacking(directory_, setting, file_named(format::kStreamSetFile), kTouches);
      }
      inputs.stream_set = stream_set_->regions;
      inputs.stream_blocks = stream_set_->blocks;
      inputs.stream_block_pages = stream_set_->block_pages;
      inputs.zero_runs = stream_set_->zero_runs;
      if (prepared && bases_are_cached() && (recorded = working_set(Recorder::userfaultfd))) {
        inputs.bases_cached = true;
        inputs.accesses = recorded->accesses();
      }
      break;
    case Setting::lazy:
    case Setting::cached:
      break;
  }
  return paging::plan_restore(setting, inputs);
}

RestorePlan OpenedSnapshot::recording_plan(Setting setting, AccessRecording record,
                                           bool prepared) const {
  const bool all = record == AccessRecording::all;
  if (all && setting == Setting::lazy) {
    const auto layers = image_layers();
    return paging::plan_recording(
        {.memory = info().memory, .nonzero = nonzero_.runs(), .layers = layers});
  }
  if (setting != Setting::stream) {
    base::fail(
        ErrorKind::invalid_argument, "plan restore", directory_,
        fmt::format("the record_accesses '{}' goes with {}, not with '{}'", all ? "all" : "misses",
                    all ? "the settings 'lazy' and 'stream'" : "the setting 'stream'",
                    to_string(setting)));
  }
  RestorePlan recording = plan(setting, prepared && !all);
  std::get<HandledFaults>(recording.faults).record = record;
  return recording;
}

}  // namespace faasnap
