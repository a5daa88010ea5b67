#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "functions/way.h"

namespace faasnap::bench {

// Prints the medians of `records` for each row (in order of appearance) under each way, and the
// geometric means over the rows of the totals as ratios to the first way, of the rows that have all
// ways. A row is of the records that have the same values of the fields `row`, and named by them.
void print_table(std::span<const nlohmann::json> records, std::span<const std::string> row,
                 std::span<const Way> ways);

// Returns the records of one function under one way, in their order.
std::vector<const nlohmann::json*> records_of(std::span<const nlohmann::json> records,
                                              const std::string& function, const Way& way);

// The values of the fields, with spaces between.
std::string row_name(const nlohmann::json& record, std::span<const std::string> row);

}  // namespace faasnap::bench
