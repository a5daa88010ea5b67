#include "report/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/experiment.h"
#include "report/style.h"
#include "report/table.h"

namespace faasnap::cli::report {
namespace {

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

Html conditions_section(const std::vector<Json>& conditions) {
  Html section = element("h2", {}, "Conditions");
  if (conditions.empty()) {
    section +=
        element("p", {}, "The results do not say under which conditions they were measured.");
  }
  for (const Json& one : conditions) {
    Html rows;
    for (const auto& [key, value] : one.items()) {
      Html row = element("th", {{"scope", "row"}}, key);
      row += element("td", {{"class", "name"}},
                     value.is_string() ? value.get<std::string>() : to_text(value));
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
  // Should markup slip in with a result, it still cannot run or load anything.
  head += element("meta", {{"http-equiv", "Content-Security-Policy"},
                           {"content", "default-src 'none'; style-src 'unsafe-inline'"}});
  head += element("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  head += element("title", {}, "faasnap: results");
  head += element("style", {}, Html::constant(kDrawingStyle));
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

}  // namespace faasnap::cli::report
