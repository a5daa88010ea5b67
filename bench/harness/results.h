#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/json_lines.h"

namespace faasnap::bench {

// A point of an experiment: the fields that tell one measurement from the others, for example
// {"experiment": "e1", "function": "json", "setting": "lazy", "repeat": 0}. Which fields those are
// is the experiment's choice; docs/reference/results-format.md has the names. A field that is null
// is one that the measurement does not have.
using Point = nlohmann::json;

// What an experiment has measured, in a file of JSON lines (docs/reference/results-format.md) that
// survives an interruption at any time: a line is written as soon as its invocation has ended, and
// a program that opens the file again goes on where the last one stopped.
//
// Holds an advisory lock on the file: a second program that opens it fails. For one thread.
class Results {
 public:
  // Opens or creates `file` and appends the line with the conditions of this run (conditions.h).
  // Throws std::runtime_error that names file and line for what is not a results file, for one that
  // was measured under other conditions, so that its numbers cannot be compared, and
  // std::system_error.
  Results(const std::filesystem::path& file, const nlohmann::json& conditions);

  // What was found wrong and mended, a last line that an interruption cut short; else empty.
  const std::string& notice() const noexcept { return notice_; }
  // True if the point was measured in this run or an earlier one; one that failed was not.
  bool has(const Point& point) const;
  // The records of all runs that did not fail, in the order in which they were written.
  const std::vector<nlohmann::json>& records() const noexcept { return records_; }

  // Writes the record with what it carries of the conditions and the fields of the point, which
  // come before fields of the record that have the same name. Throws std::system_error when the
  // line cannot be written whole.
  void add(const Point& point, const nlohmann::json& record);
  // Writes that the invocation of this point failed, and why.
  void add_failure(const Point& point, std::string_view error);
  // How many failures this run added.
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
