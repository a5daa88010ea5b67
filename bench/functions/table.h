// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "functions/way.h"

namespace faasnap::bench {

// Prints the medians of `records`, one row after the other (in order of appearance) and one line
// for each way, and the geometric means of the totals as ratios to the first way, over the rows
// that have all ways. A row contains the records that agree in the fields `row`, which name it.
void print_table(std::span<const nlohmann::json> records, std::span<const std::string> row,
                 std::span<const Way> ways);

// Returns the records of one function under one way, in their order.
std::vector<const nlohmann::json*> records_of(std::span<const nlohmann::json> records,
                                              const std::string& function, const Way& way);

// Returns the values of the fields, separated by spaces.
std::string row_name(const nlohmann::json& record, std::span<const std::string> row);

}  // namespace faasnap::bench
