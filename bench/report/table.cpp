// SPDX-License-Identifier: Apache-2.0

#include "report/table.h"

#include <fmt/format.h>

#include <initializer_list>

#include "report/charts/charts.h"
#include "report/charts/figures.h"
#include "report/measurements/ratios.h"

namespace faasnap::bench::report {
namespace {

// Columns of text, followed by columns of numbers.
Html head(std::initializer_list<const char*> texts, std::initializer_list<const char*> numbers) {
  Html row;
  for (const char* name : texts) {
    row += element("th", {{"scope", "col"}, {"class", "name"}}, name);
  }
  for (const char* name : numbers) {
    row += element("th", {{"scope", "col"}}, name);
  }
  return element("thead", {}, element("tr", {}, row));
}

Html scrolling(const Html& table) {
  return element("div", {{"class", "table"}, {"tabindex", "0"}}, element("table", {}, table));
}

Html summary_row(const std::string& subject, const Summary& s, const std::string& ratio) {
  Html row = element("th", {{"scope", "row"}}, subject);
  row += element("td", {{"class", "name " + colour_class(s.label)}}, s.label);
  for (const std::string& cell :
       {std::to_string(s.count), format_time(s.setup), format_time(s.invoke), format_time(s.total),
        fmt::format("{} \u2013 {}", format_time(s.least), format_time(s.most)), ratio,
        format_count(s.amounts.value(Amount::major_faults)),
        format_count(s.amounts.value(Amount::minor_faults)),
        format_count(s.amounts.value(Amount::uffd_faults)),
        format_size(s.amounts.value(Amount::read_bytes)),
        format_size(s.amounts.value(Amount::resident)),
        format_size(s.amounts.value(Amount::proportional))}) {
    row += element("td", {}, cell);
  }
  return element("tr", {}, row);
}

}  // namespace

Html summary_table(const Measurements& all, const std::string& baseline) {
  Html rows;
  for (const Part& part : split(all, full_subject)) {
    const auto summaries = summarize(split_by_setting(part.measurements));
    const auto base = baseline_total(summaries, baseline);
    for (const Summary& summary : summaries) {
      rows += summary_row(part.label, summary, base ? format_ratio(summary.total / *base) : "");
    }
  }
  const std::string ratio = "to " + baseline;
  Html table =
      head({"function", "setting"},
           {"n", "set-up", "invocation", "total", "least \u2013 most", ratio.c_str(),
            "major faults", "minor faults", "in user space", "read", "resident", "proportional"});
  table += element("tbody", {}, rows);
  return scrolling(table);
}

Html failure_table(const std::vector<Measurement>& failures) {
  Html rows;
  for (const Measurement& one : failures) {
    Html row = element("th", {{"scope", "row"}}, full_subject(one));
    row += element("td", {{"class", "name"}}, one.experiment);
    row += element("td", {{"class", "name"}}, setting_label(one));
    row += element("td", {{"class", "error"}}, one.error);
    rows += element("tr", {}, row);
  }
  Html table = head({"function", "experiment", "setting", "error"}, {});
  table += element("tbody", {}, rows);
  return scrolling(table);
}

}  // namespace faasnap::bench::report
