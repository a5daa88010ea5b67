#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/results.h"

namespace faasnap::bench {

// How a VM is got for an invocation: a setting of `faasnap invoke`, and whether it was prepared
// before the request.
struct Way {
  std::string setting;
  bool prepared = false;

  std::string name() const { return prepared ? setting + ", prepared" : setting; }
  bool operator==(const Way&) const = default;
};

// "stream" or "stream+prepared". Throws cxxopts::exceptions::specification for what is neither.
Way parse_way(const std::string& text);

// An invocation to measure.
struct Invocation {
  // What tells it from the others of the experiment: "function", "setting", "prepared", "repeat"
  // and whatever the experiment varies besides.
  Point point;
  nlohmann::json input;
  Way way;
};

// A function recorded with one input, and what is invoked from that snapshot, in this order.
struct Series {
  std::string function;
  nlohmann::json recorded_input;
  std::vector<Invocation> invocations;
};

// Runs what `results` lacks of all series, one snapshot at a time in `directory`, each invocation
// with the snapshot's files dropped from the page cache before; shows progress and the time left on
// a terminal. An invocation that fails is noted in `results`, and the rest goes on; so is one whose
// result is not the one that the others with the same input had.
void run_series(const std::vector<Series>& series, const std::filesystem::path& directory,
                Results& results);

}  // namespace faasnap::bench
