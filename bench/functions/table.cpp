// SPDX-License-Identifier: Apache-2.0

#include "functions/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "harness/statistics.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

// The samples of one row under one way.
struct Samples {
  std::vector<double> setup, invoke, total, major, minor, handled, read, resident;

  void add(const json& record) {
    constexpr double kMebi = 1 << 20;
    constexpr double kMilli = 1e6;
    const auto number = [&](const char* field) { return record.at(field).get<double>(); };
    setup.push_back(number("setup_ns") / kMilli);
    invoke.push_back(number("invoke_ns") / kMilli);
    total.push_back(number("total_ns") / kMilli);
    major.push_back(number("vcpu_major_faults"));
    minor.push_back(number("vcpu_minor_faults"));
    handled.push_back(number("uffd_faults"));
    read.push_back(number("prefetched_bytes") / kMebi);
    resident.push_back(number("rss_bytes") / kMebi);
  }
};

using Row = std::vector<Samples>;  // by way

// Minimum width of the column with the names.
constexpr std::size_t kNameWidth = 12;

void print_row(const std::string& name, std::size_t width, const Row& row,
               std::span<const Way> ways) {
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const Samples& of = row[i];
    if (of.total.empty()) {
      fmt::print("{:{}} {:20} {:>8}\n", name, width, ways[i].name(), "failed");
      continue;
    }
    const std::string ratio = row[0].total.empty()
                                  ? std::string()
                                  : fmt::format("{:.2f}", median(of.total) / median(row[0].total));
    fmt::print(
        "{:{}} {:20} {:8.1f} {:8.1f} {:8.1f} {:>6} {:8.1f} {:6.0f} {:6.0f} {:7.0f} {:8.1f} "
        "{:7.1f}\n",
        name, width, ways[i].name(), median(of.setup), median(of.invoke), median(of.total), ratio,
        quantile(of.total, 1) - quantile(of.total, 0), median(of.major), median(of.minor),
        median(of.handled), median(of.read), median(of.resident));
  }
}

}  // namespace

std::vector<const json*> records_of(std::span<const json> records, const std::string& function,
                                    const Way& way) {
  std::vector<const json*> found;
  for (const json& record : records) {
    if (record.at("function") == function && way_of(record) == way) {
      found.push_back(&record);
    }
  }
  return found;
}

std::string row_name(const json& record, std::span<const std::string> row) {
  std::string name;
  for (const std::string& field : row) {
    const json& value = record.at(field);
    name.append(name.empty() ? "" : " ")
        .append(value.is_string() ? value.get<std::string>() : value.dump());
  }
  return name;
}

void print_table(std::span<const json> records, std::span<const std::string> row,
                 std::span<const Way> ways) {
  std::vector<std::string> names;
  std::map<std::string, Row> rows;
  std::size_t width = kNameWidth;
  for (const json& record : records) {
    const auto column = std::ranges::find(ways, way_of(record));
    if (column == ways.end()) {
      continue;  // not asked for by this run
    }
    const std::string name = row_name(record, row);
    const auto [place, added] = rows.try_emplace(name, ways.size());
    if (added) {
      names.push_back(name);
      width = std::max(width, name.size());
    }
    place->second[static_cast<std::size_t>(column - ways.begin())].add(record);
  }
  fmt::print("\n{:{}} {:20} {:>8} {:>8} {:>8} {:>6} {:>8} {:>6} {:>6} {:>7} {:>8} {:>7}\n",
             fmt::format("{}", fmt::join(row, " ")), width, "setting", "set-up", "invoke", "total",
             "ratio", "spread", "major", "minor", "handled", "read MiB", "RSS MiB");
  std::vector<std::vector<double>> ratios(ways.size());
  for (const std::string& name : names) {
    const Row& place = rows.at(name);
    print_row(name, width, place, ways);
    if (std::ranges::none_of(place, [](const Samples& of) { return of.total.empty(); })) {
      for (std::size_t i = 0; i < ways.size(); ++i) {
        ratios[i].push_back(median(place[i].total) / median(place[0].total));
      }
    }
  }
  if (!ratios[0].empty()) {
    fmt::print("\ntotal as a ratio to {}, geometric mean over {} rows:", ways[0].name(),
               ratios[0].size());
    for (std::size_t i = 0; i < ways.size(); ++i) {
      fmt::print("  {} {:.2f}", ways[i].name(), geometric_mean(ratios[i]));
    }
    fmt::print("\n");
  }
  std::fflush(stdout);
}

}  // namespace faasnap::bench
