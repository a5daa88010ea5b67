#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace faasnap::bench {

// What came of one of the invocations of a burst: its record, or why there is none.
struct Outcome {
  nlohmann::json record;
  std::string error;
};

struct Burst {
  // In the order of the snapshots.
  std::vector<Outcome> outcomes;
  // Time from the moment at which all of them were let go until the last reply.
  std::chrono::nanoseconds duration{};
};

// Invokes from all of `snapshots` at once, each in a process of its own, since one process may not
// have as many mappings as the layered settings need for many VMs (vm.max_map_count): the processes
// have started and wait when the burst begins. Pages of the snapshots are dropped from the page
// cache before. Throws when the burst as a whole could not be.
Burst run_burst(const std::vector<std::filesystem::path>& snapshots, const std::string& setting,
                const nlohmann::json& input);

}  // namespace faasnap::bench
