// SPDX-License-Identifier: Apache-2.0

#include "report/summary_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "report/charts/sheet.h"
#include "report/measurements/experiment.h"
#include "report/pictures/picture_sets.h"
#include "report/pictures/pictures.h"
#include "report/summary_json.h"
#include "tools/failure.h"

namespace faasnap::bench::report {
namespace {

// The experiment whose timelines are shown, for one function.
constexpr const char* kTimelines = "e1";

void check_name(const std::string& name) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  if (name.empty() || name.find_first_not_of(kPlain) != std::string::npos) {
    throw tools::Failure(fmt::format("experiment '{}': invalid file name", name));
  }
}

std::string describe_conditions(const Experiment& experiment) {
  std::string text = is_dilated(experiment)
                         ? "Times are dilated: measured on an emulated processor (kvm-in-lab). "
                         : "";
  for (const tools::Json& one : experiment.conditions) {
    text += one == experiment.conditions.front() ? "Measured with " : "; and with ";
    std::string separator;
    for (const auto& [key, value] : one.items()) {
      text += separator + key + " " +
              (value.is_string() ? value.get<std::string>() : tools::to_text(value));
      separator = ", ";
    }
  }
  return text;
}

// Draws the timelines of the first function.
Pictures one_timeline(const Measurements& all) {
  Measurements of_one;
  std::copy_if(all.begin(), all.end(), std::back_inserter(of_one),
               [&](const Measurement* one) { return one->function == all.front()->function; });
  return timelines(of_one);
}

std::vector<PictureSet> kept_sets(const Experiment& experiment, const std::string& baseline) {
  std::vector<PictureSet> sets = picture_sets(experiment, baseline);
  std::erase_if(sets, [&](PictureSet& set) {
    if (set.name == "timeline" && experiment.name == kTimelines) {
      set.pictures = one_timeline(experiment.measurements);
      return set.pictures.empty();
    }
    return !set.shown;
  });
  return sets;
}

std::string draw(const Experiment& experiment, const PictureSet& set) {
  std::string title = experiment.title;
  if (!set.name.empty() && !set.title.empty()) {
    std::string more = set.title;
    more.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(more.front())));
    title += ": " + more;
  }
  return draw(Sheet{title, set.explanation, set.pictures, describe_conditions(experiment)});
}

}  // namespace

std::vector<std::pair<std::string, std::string>> summary_files(const Results& results,
                                                               const std::string& wanted) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const Experiment& experiment : experiments_of(results)) {
    check_name(experiment.name);
    const std::string baseline = choose_baseline(split_by_setting(experiment.measurements), wanted);
    files.emplace_back(experiment.name + ".json", summary_json(experiment, baseline));
    if (experiment.measurements.empty()) {
      continue;
    }
    for (const PictureSet& set : kept_sets(experiment, baseline)) {
      const std::string name = set.name.empty() ? set.name : "-" + set.name;
      files.emplace_back(experiment.name + name + ".svg", draw(experiment, set));
    }
  }
  return files;
}

}  // namespace faasnap::bench::report
