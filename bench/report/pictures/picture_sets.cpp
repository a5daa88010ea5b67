// SPDX-License-Identifier: Apache-2.0

#include "report/pictures/picture_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "report/measurements/ratios.h"
#include "report/pictures/pictures.h"

namespace faasnap::bench::report {
namespace {

constexpr bool kFolded = false;
constexpr const char* kLogarithmic =
    " Where times differ by more than ten times the axis is logarithmic.";

Measurements only(const Measurements& all, bool same) {
  Measurements some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some),
               [&](const Measurement* one) { return one->same == same; });
  return some;
}

// Returns the variant that all have in common, so that not each title repeats it.
std::string common_variant(const Measurements& all) {
  const auto variants = split(all, variant);
  return variants.size() == 1 && !variants.front().label.empty()
             ? fmt::format(" All of them: {}.", variants.front().label)
             : "";
}

PictureSet means(const Measurements& all, const std::string& baseline) {
  return {"means", "",
          fmt::format("Total time as a multiple of {}: the geometric mean over all functions and "
                      "inputs.{}",
                      baseline, common_variant(all)),
          has_bursts(all) ? means_over_parallelism(all, baseline) : means_of_ratios(all, baseline)};
}

PictureSet bars_of_times(const Measurements& all, const std::string& baseline) {
  return {"", "",
          fmt::format("Pale: set-up, until the VM can be asked. Solid: invocation, from the "
                      "request to the reply. \u00d7: the total as a multiple of {}.{}",
                      baseline, common_variant(all)),
          time_bars(all, baseline)};
}

std::vector<PictureSet> bursts(const Measurements& all) {
  const std::string median =
      fmt::format("Median of a VM's own set-up and invocation.{}", kLogarithmic);
  return {{"", "", median, time_over_parallelism(only(all, true))},
          {"copies", "", median, time_over_parallelism(only(all, false))},
          {"memory", "", "Guest memory of all VMs together; pages that several share count once.",
           memory_over_parallelism(all)},
          {"bursts", "Whole bursts", "From the moment at which all are asked until the last reply.",
           bursts_over_parallelism(all), kFolded}};
}

std::vector<PictureSet> times(const Measurements& all, const std::string& baseline) {
  if (varies(all, [](const Measurement& m) { return m.input_name; })) {
    return {{"", "",
             fmt::format("Median of set-up and invocation together, by the size of the input.{}",
                         kLogarithmic),
             time_over_input(all)}};
  }
  if (has_bursts(all)) {
    return bursts(all);
  }
  return {bars_of_times(all, baseline)};
}

PictureSet counts_of_faults(const Measurements& all) {
  return {"counts", "Page faults",
          "Taken by the vCPU threads; from left to right: answered in user space, minor, major.",
          fault_bars(all), kFolded};
}

std::vector<PictureSet> times_of_faults(const Measurements& all) {
  return {{"histograms", "How long faults take",
           "Faults per invocation, by the time that KVM spends on each; their number on the left.",
           fault_histograms(all, &Measurement::fault_buckets), kFolded},
          {"waiting", "How long faults wait",
           "Faults among these that KVM passes to a kernel worker because they have to wait, by "
           "the time that the worker takes.",
           fault_histograms(all, &Measurement::async_fault_buckets), kFolded}};
}

PictureSet memory(const Measurements& all) {
  return {"resident", "Memory",
          "Resident after the reply; the solid part is its proportional share, where pages that "
          "several share count once.",
          memory_bars(all), kFolded};
}

std::vector<PictureSet> other_sizes(const Measurements& all) {
  return {
      {"cache", "Page cache", "Pages of the snapshot in the page cache after the invocation.",
       size_bars(all, Amount::cache), kFolded},
      {"prepared", "Prepared VMs", "Host memory that a prepared VM holds while it waits.",
       size_bars(all, Amount::waiting), kFolded},
      {"disk", "On the disk", "Disk space of the snapshot's files.", sizes_on_disk(all), kFolded},
      {"device", "Read of the device", "Bytes that one invocation reads.",
       size_bars(all, Amount::device_read_bytes), kFolded}};
}

// Puts the experiment's main subject first and shows it at once.
void put_first(std::vector<PictureSet>& sets, const std::string& main,
               std::initializer_list<const char*> also_shown) {
  for (PictureSet& set : sets) {
    if (set.name.empty()) {
      set.name = "times";
    }
    if (set.title.empty()) {
      set.title = set.name == "means" ? "Mean times" : "Times";
      set.shown = false;
    }
  }
  const auto found = std::find_if(sets.begin(), sets.end(),
                                  [&](const PictureSet& set) { return set.name == main; });
  found->name.clear();
  found->shown = true;
  std::rotate(sets.begin(), found, found + 1);
  for (PictureSet& set : sets) {
    set.shown |= std::find(also_shown.begin(), also_shown.end(), set.name) != also_shown.end();
  }
}

void append(std::vector<PictureSet>& to, std::vector<PictureSet> more) {
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

}  // namespace

std::vector<PictureSet> picture_sets(const Experiment& experiment, const std::string& baseline) {
  const Measurements& all = experiment.measurements;
  std::vector<PictureSet> sets{means(all, baseline)};
  append(sets, times(all, baseline));
  sets.push_back(counts_of_faults(all));
  append(sets, times_of_faults(all));
  sets.push_back(memory(all));
  append(sets, other_sizes(all));
  sets.push_back(
      {"timeline", "Timelines",
       "The invocation whose total is the median. Spans of one name share a row; a moment "
       "is a diamond.",
       timelines(all), kFolded});
  if (experiment.name == "page_faults") {
    put_first(sets, "histograms", {"waiting", "counts"});
  } else if (experiment.name == "footprint") {
    put_first(sets, "resident", {"cache", "prepared", "disk"});
  }
  std::erase_if(sets, [](const PictureSet& set) { return set.pictures.empty(); });
  return sets;
}

}  // namespace faasnap::bench::report
