#include "report/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "report/pictures.h"
#include "report/table.h"

namespace faasnap::cli::report {
namespace {

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

std::size_t rank(const std::string& name) {
  return static_cast<std::size_t>(std::find_if(std::begin(kKnown), std::end(kKnown),
                                               [&](const Known& k) { return k.name == name; }) -
                                  std::begin(kKnown));
}

bool varies(const Measurements& all, const std::function<std::string(const Measurement&)>& what) {
  return split(all, what).size() > 1;
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

// A part of the section that a reader opens to see, unless it is what the experiment is about.
Html folded(const char* title, const char* explanation, const Html& content, bool open = false) {
  if (content.empty()) {
    return {};
  }
  Html details = element("summary", {}, title);
  details += element("p", {}, explanation);
  details += content;
  return open ? element("details", {{"open", ""}}, details) : element("details", {}, details);
}

Html main_pictures(const Measurements& all, const std::string& baseline) {
  if (varies(all, [](const Measurement& m) { return m.input_name; })) {
    return time_over_input(all);
  }
  if (varies(all, [](const Measurement& m) { return std::to_string(m.parallelism); })) {
    Html pictures = time_over_parallelism(all);
    pictures += memory_over_parallelism(all);
    return pictures;
  }
  return time_bars(all, baseline);
}

}  // namespace

std::vector<Experiment> experiments_of(const Results& results) {
  Measurements all;
  for (const Measurement& one : results.measurements) {
    all.push_back(&one);
  }
  std::vector<Experiment> experiments;
  for (Part& part : split(all, [](const Measurement& m) { return m.experiment; })) {
    const std::size_t place = rank(part.label);
    const bool known = place < std::size(kKnown);
    experiments.push_back({part.label, known ? kKnown[place].title : part.label,
                           known ? kKnown[place].explanation : "", std::move(part.measurements)});
  }
  std::stable_sort(
      experiments.begin(), experiments.end(),
      [](const Experiment& a, const Experiment& b) { return rank(a.name) < rank(b.name); });
  return experiments;
}

std::string subject(const Measurement& measurement) {
  std::string text = measurement.function;
  if (!measurement.disk.empty()) {
    text += ", " + measurement.disk;
  }
  if (measurement.compute_ms) {
    text += fmt::format(", {:g} ms of compute", *measurement.compute_ms);
  }
  return text;
}

std::string full_subject(const Measurement& measurement) {
  std::string text = subject(measurement);
  if (!measurement.input_name.empty()) {
    text += ", " + measurement.input_name;
  }
  if (measurement.parallelism > 1) {
    text += fmt::format(", {} from {}", measurement.parallelism,
                        measurement.same ? "one snapshot" : "copies");
  }
  return text;
}

Html experiment_section(const Experiment& experiment, const std::string& wanted) {
  const Measurements& all = experiment.measurements;
  const std::string baseline = choose_baseline(split_by_setting(all), wanted);
  Html section = element("h2", {}, experiment.title);
  section += element("p", {}, experiment.explanation);
  section += mixed_conditions_note(all);
  const bool about_faults = experiment.name == "page_faults";
  section += overview_picture(all, baseline);
  section += main_pictures(all, baseline);
  section += folded("Page faults",
                    "Taken by the vCPU threads; from left to right: answered in user space, minor, "
                    "major.",
                    fault_bars(all), about_faults);
  section += folded("How long faults take", "Per invocation, by the time that KVM spends on each.",
                    fault_histograms(all), about_faults);
  section += folded("Memory",
                    "Resident after the reply; the solid part is its proportional share, where "
                    "pages that several share count once.",
                    memory_bars(all), experiment.name == "footprint");
  section += folded("Timelines",
                    "The invocation whose total is the median. Spans of one name share a row; what "
                    "takes no time is a diamond.",
                    timelines(all));
  section += folded("Table", "Medians of n invocations each.", summary_table(all, baseline));
  return element("section", {{"id", experiment.name}}, section);
}

}  // namespace faasnap::cli::report
