// SPDX-License-Identifier: Apache-2.0

#include "fault_probe/fault_histogram.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

namespace faasnap::bench {
namespace {

constexpr std::uint64_t kMostBits = 63;

// Returns the number after the first `label` in the line.
std::optional<std::uint64_t> number_after(std::string_view line, std::string_view label) {
  const std::size_t found = line.find(label);
  if (found == std::string_view::npos) {
    return std::nullopt;
  }
  line.remove_prefix(found + label.size());
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// Parses "{ ns: ~ 2^12 } hitcount:          7". The kernel rounds up before it takes the logarithm.
FaultBucket parse_bucket(std::string_view line) {
  const auto bits = number_after(line, "~ 2^");
  const auto hits = number_after(line, "hitcount:");
  if (!bits || !hits || *bits > kMostBits) {
    throw std::runtime_error("not a line of a kernel histogram: " + std::string(line));
  }
  return {*bits == 0 ? 0 : std::uint64_t{1} << (*bits - 1), std::uint64_t{1} << *bits, *hits};
}

FaultHistogram sorted(FaultHistogram histogram) {
  std::ranges::sort(histogram, {}, &FaultBucket::from);
  return histogram;
}

}  // namespace

FaultHistogram parse_histogram(std::string_view text) {
  FaultHistogram histogram;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('{')) {
      histogram.push_back(parse_bucket(line));
    }
    if (number_after(line, "Dropped:").value_or(0) != 0) {
      throw std::runtime_error(
          "the kernel has dropped entries that did not fit into its histogram");
    }
  }
  return sorted(std::move(histogram));
}

std::uint64_t count(const FaultHistogram& histogram) {
  std::uint64_t all = 0;
  for (const FaultBucket& bucket : histogram) {
    all += bucket.count;
  }
  return all;
}

std::uint64_t quantile(const FaultHistogram& histogram, double fraction) {
  const double wanted = std::ceil(fraction * static_cast<double>(count(histogram)));
  std::uint64_t seen = 0;
  for (const FaultBucket& bucket : histogram) {
    seen += bucket.count;
    if (bucket.count != 0 && static_cast<double>(seen) >= wanted) {
      return bucket.to;
    }
  }
  return 0;
}

nlohmann::json to_json(const FaultHistogram& histogram) {
  auto buckets = nlohmann::json::array();
  for (const FaultBucket& bucket : histogram) {
    buckets.push_back({bucket.from, bucket.to, bucket.count});
  }
  return buckets;
}

FaultHistogram histogram_of(const nlohmann::json& buckets) {
  FaultHistogram histogram;
  for (const auto& bucket : buckets) {
    histogram.push_back({bucket.at(0), bucket.at(1), bucket.at(2)});
  }
  return histogram;
}

FaultHistogram sum(const std::vector<FaultHistogram>& histograms) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> counts;
  for (const FaultHistogram& histogram : histograms) {
    for (const FaultBucket& bucket : histogram) {
      counts[{bucket.from, bucket.to}] += bucket.count;
    }
  }
  FaultHistogram all;
  for (const auto& [range, calls] : counts) {
    all.push_back({range.first, range.second, calls});
  }
  return all;
}

}  // namespace faasnap::bench
