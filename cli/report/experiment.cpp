#include "report/experiment.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "report/picture_sets.h"
#include "report/table.h"

namespace faasnap::cli::report {
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

std::vector<Json> conditions_of(const Experiment& experiment, const std::vector<Json>& all) {
  std::set<std::size_t> places;
  for (const Measurements* some : {&experiment.measurements, &experiment.failures}) {
    for (const Measurement* one : *some) {
      if (one->conditions) {
        places.insert(*one->conditions);
      }
    }
  }
  std::vector<Json> conditions;
  for (const std::size_t place : places) {
    conditions.push_back(all[place]);
  }
  return conditions;
}

// Ratios between measurements of different machines say nothing about the settings.
Html mixed_conditions_note(const Measurements& all) {
  const bool mixed = varies(all, [](const Measurement& m) {
    return m.conditions ? std::to_string(*m.conditions) : std::string();
  });
  return mixed ? element("p", {{"class", "notice"}},
                         "Measured under several conditions, listed below: times compare only "
                         "where these are the same.")
               : Html();
}

// What a reader has to ask for is folded.
Html part_of_page(const PictureSet& set) {
  Html content = element("p", {}, set.explanation);
  content += side_by_side(set.pictures);
  if (set.title.empty()) {
    return content;
  }
  Html details = element("summary", {}, set.title);
  details += content;
  return set.shown ? element("details", {{"open", ""}}, details) : element("details", {}, details);
}

Html folded_table(const Measurements& all, const std::string& baseline) {
  Html details = element("summary", {}, "Table");
  details += element("p", {}, "Medians of n invocations each.");
  details += summary_table(all, baseline);
  return element("details", {}, details);
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
                     [](const Json& c) { return c.value("accelerator", Json()) == kEmulated; }) ||
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

Html experiment_section(const Experiment& experiment, const std::string& wanted) {
  const Measurements& all = experiment.measurements;
  Html section = element("h2", {}, experiment.title);
  section += element("p", {}, experiment.explanation);
  if (all.empty()) {
    section += element("p", {{"class", "notice"}}, "Every invocation failed.");
  } else {
    const std::string baseline = choose_baseline(split_by_setting(all), wanted);
    section += mixed_conditions_note(all);
    for (const PictureSet& set : picture_sets(experiment, baseline)) {
      section += part_of_page(set);
    }
    section += folded_table(all, baseline);
  }
  return element("section", {{"id", experiment.name}}, section);
}

}  // namespace faasnap::cli::report
