// SPDX-License-Identifier: Apache-2.0

#include "bursts/burst_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <tuple>

#include "harness/statistics.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr double kMilli = 1e6;

// The measurements of bursts of one kind. An interrupted burst is measured again: of two records of
// one VM the later counts.
struct Bursts {
  std::map<std::pair<unsigned, unsigned>, double> totals;        // by repeat and VM, in ms
  std::map<std::pair<unsigned, unsigned>, double> proportional;  // the same, in bytes
  std::map<unsigned, double> durations;                          // by repeat, in ms

  void add(const json& record) {
    const std::pair place(record.at("repeat").get<unsigned>(),
                          record.at("instance").get<unsigned>());
    totals[place] = record.at("total_ns").get<double>() / kMilli;
    proportional[place] = record.at("pss_bytes").get<double>();
    durations[place.first] = record.at("burst_ns").get<double>() / kMilli;
  }
};

template <typename Key>
std::vector<double> values(const std::map<Key, double>& numbers) {
  std::vector<double> all;
  for (const auto& [key, number] : numbers) {
    all.push_back(number);
  }
  return all;
}

double median_sum(const std::map<std::pair<unsigned, unsigned>, double>& numbers) {
  std::map<unsigned, double> sums;
  for (const auto& [place, number] : numbers) {
    sums[place.first] += number;
  }
  return median(values(sums));
}

}  // namespace

std::vector<BurstSummary> summarize_bursts(std::span<const json> records) {
  using Kind = std::tuple<std::string, bool, std::uint64_t, std::string>;
  std::vector<Kind> order;
  std::map<Kind, Bursts> kinds;
  for (const json& record : records) {
    const Kind kind(record.at("function").get<std::string>(), record.at("same").get<bool>(),
                    record.at("parallelism").get<std::uint64_t>(),
                    record.at("setting").get<std::string>());
    const auto [bursts, added] = kinds.try_emplace(kind);
    if (added) {
      order.push_back(kind);
    }
    bursts->second.add(record);
  }
  std::vector<BurstSummary> summaries;
  for (const Kind& kind : order) {
    const Bursts& of = kinds.at(kind);
    const auto& [function, same, parallelism, setting] = kind;
    const std::vector<double> totals = values(of.totals);
    summaries.push_back({function, same, parallelism, setting, median(values(of.durations)),
                         median(totals), *std::ranges::max_element(totals),
                         median_sum(of.proportional)});
  }
  return summaries;
}

void print_table(std::span<const BurstSummary> bursts) {
  constexpr double kMebi = 1 << 20;
  fmt::print("\n{:12} {:12} {:>4} {:12} {:>10} {:>10} {:>10} {:>9} {:>9}\n", "function", "from",
             "VMs", "setting", "burst", "median", "longest", "PSS MiB", "per VM");
  for (const BurstSummary& of : bursts) {
    const double memory = of.proportional / kMebi;
    fmt::print("{:12} {:12} {:4} {:12} {:10.1f} {:10.1f} {:10.1f} {:9.1f} {:9.1f}\n", of.function,
               of.same ? "one snapshot" : "copies", of.parallelism, of.setting, of.burst, of.median,
               of.longest, memory, memory / static_cast<double>(of.parallelism));
  }
  std::fflush(stdout);
}

}  // namespace faasnap::bench
