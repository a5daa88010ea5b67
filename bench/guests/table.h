#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "guests/experiment.h"

namespace faasnap::bench {

// Prints the medians of `records` for each value of the field `row` (in order of appearance) under
// each way, and the geometric means over the rows of the totals as ratios to the first way, of the
// rows that have all ways.
void print_table(std::span<const nlohmann::json> records, const std::string& row,
                 std::span<const Way> ways);

}  // namespace faasnap::bench
