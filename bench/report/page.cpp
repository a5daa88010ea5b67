// SPDX-License-Identifier: Apache-2.0

#include "report/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/charts/style.h"
#include "report/measurements/experiment.h"
#include "report/new_files.h"
#include "report/pictures/picture_sets.h"
#include "report/table.h"

namespace faasnap::bench::report {
namespace {

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

// Folded unless it is shown at once.
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

// Returns the experiment with all its pictures and its table. `wanted` is the reference setting of
// ratios; if empty, the report chooses it.
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

Html notices(const Results& results, const std::vector<Experiment>& experiments) {
  Html all;
  if (std::any_of(experiments.begin(), experiments.end(), is_dilated)) {
    all += element("p", {{"class", "notice"}},
                   "Times measured in the lab (accelerator kvm-in-lab) are dilated: its processor "
                   "is emulated and computes about ten times as slowly as a real one. Compare "
                   "settings with each other, not with times from elsewhere.");
  }
  for (const std::string& notice : results.notices) {
    all += element("p", {{"class", "notice"}}, notice);
  }
  return all;
}

std::string counted(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

Html navigation(const std::vector<Experiment>& experiments, bool failures) {
  Html links;
  for (const Experiment& experiment : experiments) {
    links += element("a", {{"href", "#" + experiment.name}}, experiment.title);
  }
  if (failures) {
    links += element("a", {{"href", "#failures"}}, "Failures");
  }
  links += element("a", {{"href", "#conditions"}}, "Conditions");
  return element("nav", {}, links);
}

Html conditions_section(const std::vector<tools::Json>& conditions) {
  Html section = element("h2", {}, "Conditions");
  if (conditions.empty()) {
    section += element("p", {}, "The results do not name the conditions of their measurement.");
  }
  for (const tools::Json& one : conditions) {
    Html rows;
    for (const auto& [key, value] : one.items()) {
      Html row = element("th", {{"scope", "row"}}, key);
      row += element("td", {{"class", "name"}},
                     value.is_string() ? value.get<std::string>() : tools::to_text(value));
      rows += element("tr", {}, row);
    }
    section += element("div", {{"class", "table"}, {"tabindex", "0"}}, element("table", {}, rows));
  }
  return element("section", {{"id", "conditions"}}, section);
}

Html failures_section(const Results& results) {
  if (results.failures.empty()) {
    return {};
  }
  Html section = element("h2", {}, "Failures");
  section += element("p", {},
                     fmt::format("{} of {} invocations failed.", results.failures.size(),
                                 results.failures.size() + results.measurements.size()));
  section += failure_table(results.failures);
  return element("section", {{"id", "failures"}}, section);
}

Html head() {
  Html head = element("meta", {{"charset", "utf-8"}});
  head +=
      element("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  // Keeps markup that slips in with a result from running or loading anything.
  head += element("meta", {{"http-equiv", "Content-Security-Policy"},
                           {"content", "default-src 'none'; style-src 'unsafe-inline'"}});
  head += element("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  head += element("title", {}, "faasnap: results");
  head += element("style", {}, Html::constant(drawing_style()));
  head += element("style", {}, Html::constant(kPageStyle));
  return element("head", {}, head);
}

}  // namespace

std::string make_page(const Results& results, const std::string& baseline) {
  const auto experiments = experiments_of(results);
  Html main = element("h1", {}, "faasnap: results");
  main += element("p", {},
                  fmt::format("{} in {}.", counted(results.measurements.size(), "invocation"),
                              counted(experiments.size(), "experiment")));
  main += notices(results, experiments);
  main += navigation(experiments, !results.failures.empty());
  for (const Experiment& experiment : experiments) {
    main += experiment_section(experiment, baseline);
  }
  main += failures_section(results);
  main += conditions_section(results.conditions);
  Html document = head();
  document += element("body", {}, element("main", {}, main));
  return "<!DOCTYPE html>\n" + element("html", {{"lang", "en"}}, document).markup() + "\n";
}

void write_page(const std::vector<std::string>& files, const std::filesystem::path& page) {
  NewFiles written;
  written.add(page, make_page(read_results(files), ""));
  written.commit();
}

}  // namespace faasnap::bench::report
