// SPDX-License-Identifier: Apache-2.0

#include "report/measurements/results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <tuple>

#include "tools/failure.h"

namespace faasnap::bench::report {
namespace {

// The fields that a later measurement shares with the earlier one that it replaces.
using Place = std::tuple<std::string, std::string, std::string, bool, std::optional<std::uint64_t>,
                         std::string, std::optional<double>, std::string, std::optional<double>,
                         std::uint64_t, bool, std::uint64_t, std::uint64_t>;

Place place_of(const Measurement& m, std::uint64_t repeat) {
  return {m.experiment, m.function,   m.setting, m.prepared,   m.merge_gap,
          m.input_name, m.input_size, m.disk,    m.compute_ms, m.parallelism,
          m.same,       m.instance,   repeat};
}

// Reads one file after another.
class Reader {
 public:
  void read(const std::string& file) {
    std::ifstream stream(file);
    if (!stream || std::filesystem::is_directory(file)) {
      throw tools::Failure(fmt::format(
          "{}: {}", file, stream ? "a directory, expected a results file" : std::strerror(errno)));
    }
    conditions_.reset();
    std::size_t number = 0;
    for (std::string line; std::getline(stream, line);) {
      ++number;
      const bool last_and_cut = stream.eof();
      if (!take(line, fmt::format("{}:{}", file, number), last_and_cut)) {
        results_.notices.push_back(
            fmt::format("{}:{}: truncated; the {} whole lines before it "
                        "are used",
                        file, number, number - 1));
      }
    }
    if (stream.bad()) {
      throw tools::Failure(fmt::format("{}: cannot be read", file));
    }
  }

  Results finish() {
    for (Measurement& one : all_) {
      (one.failed ? results_.failures : results_.measurements).push_back(std::move(one));
    }
    return std::move(results_);
  }

 private:
  // Returns false for an incomplete line.
  bool take(const std::string& line, const std::string& place, bool may_be_cut) {
    const auto json = tools::parse_json(line);
    if (!json || !json->is_object()) {
      if (may_be_cut && !json) {
        return false;
      }
      throw tools::Failure(fmt::format("{}: not a result: expected a JSON object", place));
    }
    try {
      if (const auto found = json->find("conditions"); found != json->end()) {
        take_conditions(*found);
      } else if (json->contains("failed") || json->contains("total_ns")) {
        take_measurement(parse_measurement(*json));
      } else {
        throw std::invalid_argument("'total_ns' is missing");
      }
    } catch (const std::invalid_argument& error) {
      throw tools::Failure(fmt::format("{}: not a result: {}", place, error.what()));
    }
    return true;
  }

  void take_conditions(const tools::Json& conditions) {
    if (!conditions.is_object()) {
      throw std::invalid_argument("'conditions': expected an object");
    }
    auto& known = results_.conditions;
    const auto found = std::find(known.begin(), known.end(), conditions);
    conditions_ = static_cast<std::size_t>(found - known.begin());
    if (found == known.end()) {
      known.push_back(conditions);
    }
  }

  void take_measurement(Measurement measurement) {
    measurement.conditions = conditions_;
    // A measurement without a repetition number replaces no other.
    if (measurement.repeat) {
      const auto [known, is_new] =
          places_.emplace(place_of(measurement, *measurement.repeat), all_.size());
      if (!is_new) {
        Measurement& earlier = all_[known->second];
        if (!measurement.failed || earlier.failed) {
          earlier = std::move(measurement);
        }
        return;
      }
    }
    all_.push_back(std::move(measurement));
  }

  Results results_;
  std::vector<Measurement> all_;
  std::map<Place, std::size_t> places_;
  std::optional<std::size_t> conditions_;
};

}  // namespace

Results read_results(const std::vector<std::string>& files) {
  Reader reader;
  for (const std::string& file : files) {
    reader.read(file);
  }
  Results results = reader.finish();
  if (results.measurements.empty() && results.failures.empty()) {
    throw tools::Failure(
        fmt::format("{}: no invocations, nothing to report", fmt::join(files, ", ")));
  }
  return results;
}

}  // namespace faasnap::bench::report
