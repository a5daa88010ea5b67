// SPDX-License-Identifier: Apache-2.0

#include "artifact/restore_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"

namespace platform::artifact {
namespace {

using faasnap::Setting;
using Recording = RestoreChoice::Recording;

// More pages than the largest guest has.
constexpr std::int64_t kMostLayerPages = 1 << 22;

[[noreturn]] void refuse(const std::string& reason) {
  throw RequestError(Refusal::invalid, reason);
}

bool records(const MemoryFlags& flags) { return flags.mincore > 0 || flags.mincore_size > 0; }

void check_alone(const MemoryFlags& flags, const char* member) {
  if (flags.overlay_regions || flags.use_ws_file || !flags.load_mincore.empty()) {
    refuse(
        fmt::format("{}: expected without overlay_regions, use_ws_file and loadMincore", member));
  }
}

RestoreChoice choose_reap(const MemoryFlags& flags, const SnapshotSets& sets) {
  check_alone(flags, "enableReap");
  if (flags.use_mem_file || records(flags)) {
    refuse("enableReap: expected without use_mem_file, mincore and mincore_size");
  }
  return sets.has_reap_set ? RestoreChoice{.setting = Setting::reap}
                           : RestoreChoice{.recording = Recording::reap};
}

Setting choose_setting(const MemoryFlags& flags) {
  if (flags.use_ws_file) {
    if (!flags.overlay_regions) {
      refuse("use_ws_file: expected with overlay_regions");
    }
    return Setting::faasnap;
  }
  if (flags.overlay_regions) {
    if (flags.load_mincore.empty()) {
      refuse("overlay_regions: expected with use_ws_file or loadMincore");
    }
    return Setting::per_region;
  }
  return flags.load_mincore.empty() ? Setting::lazy : Setting::concurrent;
}

}  // namespace

MemoryFlags memory_flags(const Body& body) {
  MemoryFlags flags{.use_mem_file = body.flag("use_mem_file"),
                    .overlay_regions = body.flag("overlay_regions"),
                    .use_ws_file = body.flag("use_ws_file"),
                    .vmm_load_ws = body.flag("vmm_load_ws"),
                    .enable_reap = body.flag("enableReap"),
                    .load_mincore = body.numbers("loadMincore"),
                    .mincore = body.number("mincore", -1),
                    .mincore_size = body.number("mincore_size")};
  // How REAP reads its set is not for the client: directly, and each VM for itself.
  body.flag("wsFileDirectIo");
  body.flag("wsSingleRead");
  return flags;
}

RestoreChoice choose_restore(const MemoryFlags& flags, const SnapshotSets& sets) {
  if (flags.vmm_load_ws) {
    refuse("vmm_load_ws: no setting loads the working set before the guest starts; expected false");
  }
  if (flags.mincore > 0 && flags.mincore_size > 0) {
    refuse("mincore, mincore_size: expected one of them, not both");
  }
  if (flags.mincore_size < 0 || flags.mincore_size > kMostLayerPages) {
    refuse(fmt::format("mincore_size {}: expected 0 to {}", flags.mincore_size, kMostLayerPages));
  }
  if (flags.enable_reap) {
    return choose_reap(flags, sets);
  }
  if (flags.use_mem_file == flags.overlay_regions) {
    refuse(flags.use_mem_file
               ? "use_mem_file: expected without overlay_regions"
               : "use_mem_file, overlay_regions, enableReap: expected one of them; guest memory "
                 "would be empty");
  }
  // As in the artifact, a snapshot is recorded once.
  const bool recorded = records(flags) && sets.layers == 0;
  if (recorded) {
    check_alone(flags, flags.mincore > 0 ? "mincore" : "mincore_size");
  }
  if (!flags.load_mincore.empty()) {
    check_every_layer("loadMincore", flags.load_mincore, sets.layers);
  }
  RestoreChoice choice{.setting = choose_setting(flags)};
  if (recorded) {
    choice.recording = Recording::mincore;
    if (flags.mincore_size > 0) {
      choice.layer_pages = static_cast<std::uint64_t>(flags.mincore_size);
    }
  }
  return choice;
}

void check_every_layer(const char* member, std::vector<std::int64_t> layers, std::size_t count) {
  std::ranges::sort(layers);
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  if (count == 0) {
    refuse(fmt::format("{}: the snapshot has no recording", member));
  }
  if (layers.size() != count || layers.front() != 1 ||
      layers.back() != static_cast<std::int64_t>(count)) {
    refuse(fmt::format("{}: expected every layer from 1 to {}; a setting loads all of them", member,
                       count));
  }
}

}  // namespace platform::artifact
