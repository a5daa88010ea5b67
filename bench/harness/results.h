// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/json_lines.h"

namespace faasnap::bench {

// A point of an experiment: the fields that identify one measurement, for example {"experiment":
// "e1", "function": "json", "setting": "lazy", "repeat": 0}. The experiment chooses the fields;
// docs/reference/results-format.md has their names. A null field is one that the measurement does
// not have.
using Point = nlohmann::json;

// The measurements of an experiment, in a file of JSON lines (docs/reference/results-format.md)
// that survives an interruption at any time: each line is written as soon as its invocation has
// ended, and a program that opens the file again continues where the last one stopped.
//
// Holds an advisory lock on the file: a second program that opens it fails. For one thread.
class Results {
 public:
  // Opens or creates `file` and appends the line with the conditions of this run (conditions.h).
  // Throws std::runtime_error, with file and line, if it is not a results file or was measured
  // under other conditions, so that its numbers cannot be compared; and std::system_error.
  Results(const std::filesystem::path& file, const nlohmann::json& conditions);

  // Returns what was repaired, a last line that an interruption truncated, or an empty string.
  const std::string& notice() const noexcept { return notice_; }
  // True if the point was measured successfully in this run or an earlier one.
  bool has(const Point& point) const;
  // Returns the successful records of all runs, in the order in which they were written.
  const std::vector<nlohmann::json>& records() const noexcept { return records_; }

  // Writes the record with the fields of the point and the conditions that each record repeats;
  // they replace fields of the record with the same names. Throws std::system_error if the line
  // cannot be written whole.
  void add(const Point& point, const nlohmann::json& record);
  // Writes that the invocation of this point failed, and why.
  void add_failure(const Point& point, std::string_view error);
  // Returns how many failures this run has added.
  unsigned failures() const noexcept { return failures_; }

 private:
  void read(const std::string& text, const nlohmann::json& conditions);
  void remember(nlohmann::json record);

  std::filesystem::path file_;
  JsonLines lines_;
  std::string notice_;
  nlohmann::json carried_;
  std::vector<nlohmann::json> records_;
  unsigned failures_ = 0;
};

}  // namespace faasnap::bench
