// SPDX-License-Identifier: Apache-2.0

#include "report/measurements/experiment.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace faasnap::bench::report {
namespace {

constexpr std::string_view kEmulated = "kvm-in-lab";

struct Known {
  const char* name;
  const char* title;
  const char* explanation;
};

constexpr Known kKnown[] = {
    {"invocations", "Invocations", "Invocations by hand, without an experiment."},
    {"e1", "E1: changed input", "Each function recorded with one input and invoked with another."},
    {"e2", "E2: input size",
     "Each function recorded with one input and invoked with smaller and larger ones."},
    {"e3", "E3: bursts",
     "Many VMs at once, from one snapshot, whose pages they share, or each from a copy of its "
     "own."},
    {"e4", "E4: remote storage", "As E1, with the snapshot on a slow device."},
    {"ablation", "Step by step", "From lazy restore to the whole technique, one step at a time."},
    {"page_faults", "Page faults",
     "How many faults each setting takes, and how long each of them is."},
    {"footprint", "Memory", "What the VMs hold of the host's memory."},
    {"replay", "Replay",
     "Recorded page accesses played by a thread in the place of the guest, with the library's own "
     "engine, on the machine itself."},
};

std::size_t rank_of_experiment(const std::string& name) {
  return static_cast<std::size_t>(std::find_if(std::begin(kKnown), std::end(kKnown),
                                               [&](const Known& k) { return k.name == name; }) -
                                  std::begin(kKnown));
}

std::vector<tools::Json> conditions_of(const Experiment& experiment,
                                       const std::vector<tools::Json>& all) {
  std::set<std::size_t> places;
  for (const Measurements* some : {&experiment.measurements, &experiment.failures}) {
    for (const Measurement* one : *some) {
      if (one->conditions) {
        places.insert(*one->conditions);
      }
    }
  }
  std::vector<tools::Json> conditions;
  for (const std::size_t place : places) {
    conditions.push_back(all[place]);
  }
  return conditions;
}

}  // namespace

bool varies(const Measurements& all, const std::function<std::string(const Measurement&)>& what) {
  return split(all, what).size() > 1;
}

bool has_bursts(const Measurements& all) {
  return std::any_of(all.begin(), all.end(),
                     [](const Measurement* one) { return one->parallelism > 1 || !one->same; });
}

bool is_dilated(const Experiment& experiment) {
  const auto& conditions = experiment.conditions;
  const auto& all = experiment.measurements;
  return std::any_of(conditions.begin(), conditions.end(),
                     [](const tools::Json& c) {
                       return c.value("accelerator", tools::Json()) == kEmulated;
                     }) ||
         std::any_of(all.begin(), all.end(),
                     [](const Measurement* one) { return one->accelerator == kEmulated; });
}

std::vector<Experiment> experiments_of(const Results& results) {
  std::vector<Experiment> experiments;
  const auto of = [&](const Measurement& one) -> Experiment& {
    const auto found = std::find_if(experiments.begin(), experiments.end(),
                                    [&](const Experiment& e) { return e.name == one.experiment; });
    if (found != experiments.end()) {
      return *found;
    }
    const std::size_t place = rank_of_experiment(one.experiment);
    const bool known = place < std::size(kKnown);
    return experiments.emplace_back(Experiment{one.experiment,
                                               known ? kKnown[place].title : one.experiment,
                                               known ? kKnown[place].explanation : "",
                                               {},
                                               {},
                                               {}});
  };
  for (const Measurement& one : results.measurements) {
    of(one).measurements.push_back(&one);
  }
  for (const Measurement& one : results.failures) {
    of(one).failures.push_back(&one);
  }
  for (Experiment& experiment : experiments) {
    experiment.conditions = conditions_of(experiment, results.conditions);
  }
  std::stable_sort(experiments.begin(), experiments.end(),
                   [](const Experiment& a, const Experiment& b) {
                     return rank_of_experiment(a.name) < rank_of_experiment(b.name);
                   });
  return experiments;
}

}  // namespace faasnap::bench::report
