// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace faasnap::bench {

// The result of one invocation of a burst: its record, or why there is none.
struct Outcome {
  nlohmann::json record;
  std::string error;
};

struct Burst {
  // In the order of the snapshots.
  std::vector<Outcome> outcomes;
  // Time from the common start to the last reply.
  std::chrono::nanoseconds duration{};
};

// Invokes from all of `snapshots` at once. Each invocation has a process of its own, since one
// process may not have as many mappings as the layered settings need for many VMs
// (vm.max_map_count). The burst begins when all processes have started and wait. Drops the
// snapshots' pages from the page cache before. Throws if the burst as a whole fails.
Burst run_burst(const std::vector<std::filesystem::path>& snapshots, const std::string& setting,
                const nlohmann::json& input);

}  // namespace faasnap::bench
