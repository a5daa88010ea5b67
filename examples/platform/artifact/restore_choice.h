// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <faasnap/setting.h>

#include "artifact/body.h"

namespace platform::artifact {

// What an invocation says of the memory of the VM that it starts. Plain data.
struct MemoryFlags {
  bool use_mem_file = false;
  bool overlay_regions = false;
  bool use_ws_file = false;
  bool vmm_load_ws = false;
  bool enable_reap = false;
  std::vector<std::int64_t> load_mincore{};
  // Milliseconds between two looks at the page cache; -1 and 0 for no recording.
  std::int64_t mincore = -1;
  // Pages by which the guest grows between two looks; 0 for no recording.
  std::int64_t mincore_size = 0;
};

// What a snapshot has from recordings. Plain data.
struct SnapshotSets {
  // Layers of the recording by mincore; 0 if there is none.
  std::size_t layers = 0;
  bool has_reap_set = false;
};

// How the VM is restored, and what is recorded meanwhile. Plain data.
struct RestoreChoice {
  enum class Recording { none, mincore, reap };

  faasnap::Setting setting = faasnap::Setting::lazy;
  Recording recording = Recording::none;
  // Pages in a layer of the recording by mincore.
  std::uint64_t layer_pages = 1024;
};

MemoryFlags memory_flags(const Body& body);

// Returns the setting that does what the flags ask of the artifact. Throws RequestError that names
// the member for flags that together mean no setting.
RestoreChoice choose_restore(const MemoryFlags& flags, const SnapshotSets& sets);

// Throws RequestError that names `member` unless `layers` are all of those that there are: a
// setting loads every layer, in order.
void check_every_layer(const char* member, std::vector<std::int64_t> layers, std::size_t count);

}  // namespace platform::artifact
