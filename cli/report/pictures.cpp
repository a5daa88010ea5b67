#include "report/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/charts.h"
#include "report/experiment.h"
#include "report/figures.h"

namespace faasnap::cli::report {
namespace {

Html side_by_side(const Html& pictures) {
  return pictures.empty() ? Html() : element("div", {{"class", "pictures"}}, pictures);
}

// The total of the setting that the others are compared with; 0 when it was not measured.
double baseline_total(const std::vector<Summary>& summaries, const std::string& baseline) {
  const auto found = std::find_if(summaries.begin(), summaries.end(),
                                  [&](const Summary& s) { return s.label == baseline; });
  return found == summaries.end() ? 0 : found->total;
}

std::string time_note(const Summary& summary, double base) {
  std::string note = format_time(summary.total);
  if (base > 0) {
    note += "  " + format_ratio(summary.total / base);
  }
  return note;
}

Bar time_bar(const Summary& summary, double base) {
  return {summary.label,
          colour_class(summary.label),
          {summary.setup, summary.invoke},
          time_note(summary, base),
          fmt::format("{}: set-up {}, invocation {}, total {} (median of {}, {} to {})",
                      summary.label, format_time(summary.setup), format_time(summary.invoke),
                      format_time(summary.total), summary.count, format_time(summary.least),
                      format_time(summary.most))};
}

// A picture for each subject, with a bar for each setting.
template <typename MakeBar>
Html bars_by_subject(const Measurements& all, const Quantity& quantity, MakeBar make_bar) {
  Html pictures;
  for (const Part& part : split(all, subject)) {
    std::vector<Bar> bars;
    for (const Summary& summary : summarize(split_by_setting(part.measurements))) {
      bars.push_back(make_bar(summary));
    }
    pictures += bar_chart(part.label, bars, quantity);
  }
  return side_by_side(pictures);
}

// The one whose total is the median.
const Measurement& typical(const Measurements& some) {
  Measurements sorted = some;
  std::sort(sorted.begin(), sorted.end(),
            [](const Measurement* a, const Measurement* b) { return a->total < b->total; });
  return *sorted[(sorted.size() - 1) / 2];
}

Measurements with_spans(const Measurements& all) {
  Measurements some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some),
               [](const Measurement* one) { return !one->spans.empty(); });
  return some;
}

// Where the last span of any ends.
double end_of(const Measurements& some) {
  double end = 0;
  for (const Measurement* one : some) {
    for (const SpanOfTime& span : one->spans) {
      end = std::max(end, span.start + span.duration);
    }
  }
  return end;
}

// Where the last set-up ends, and the last page that was to be loaded has come.
double end_of_restore(const Measurements& some) {
  double end = 0;
  for (const Measurement* one : some) {
    end = std::max(end, one->setup);
    for (const SpanOfTime& span : one->spans) {
      if (span.name == "load") {
        end = std::max(end, span.start + span.duration);
      }
    }
  }
  return end;
}

Html timeline_row(const std::string& subject_label, const Measurements& shown, double end,
                  const std::string& what) {
  Html pictures;
  for (const Measurement* one : shown) {
    const std::string label = setting_label(*one);
    pictures += timeline(fmt::format("{}, {}{}", subject_label, label, what), colour_class(label),
                         one->spans, end);
  }
  return side_by_side(pictures);
}

// Of one setting's measurements the buckets added up, as for one invocation.
std::vector<FaultBucket> mean_buckets(const Measurements& measurements) {
  std::map<std::pair<double, double>, double> sums;
  for (const Measurement* one : measurements) {
    for (const FaultBucket& bucket : one->fault_buckets) {
      sums[{bucket.from, bucket.to}] += bucket.count;
    }
  }
  std::vector<FaultBucket> buckets;
  for (const auto& [range, count] : sums) {
    buckets.push_back(
        {range.first, range.second, count / static_cast<double>(measurements.size())});
  }
  return buckets;
}

}  // namespace

Html overview_picture(const Measurements& all, const std::string& baseline) {
  std::map<std::string, std::vector<double>> ratios;
  const auto subjects = split(all, full_subject);
  for (const Part& part : subjects) {
    const auto summaries = summarize(split_by_setting(part.measurements));
    const double base = baseline_total(summaries, baseline);
    for (const Summary& summary : summaries) {
      if (base > 0 && summary.total > 0) {
        ratios[summary.label].push_back(summary.total / base);
      }
    }
  }
  std::vector<Bar> bars;
  for (const Part& setting : split_by_setting(all)) {
    const auto of = ratios.find(setting.label);
    if (of != ratios.end()) {
      const double mean = geometric_mean(of->second);
      const auto [least, most] = std::minmax_element(of->second.begin(), of->second.end());
      bars.push_back(
          {setting.label,
           colour_class(setting.label),
           {mean},
           format_ratio(mean),
           fmt::format("{}: {} over {} points, {} to {}", setting.label, format_ratio(mean),
                       of->second.size(), format_ratio(*least), format_ratio(*most))});
    }
  }
  if (bars.size() < 2 || subjects.size() < 2) {
    return {};
  }
  return side_by_side(bar_chart(
      fmt::format("Total time as a multiple of {}, geometric mean", baseline), bars, kRatio));
}

Html time_bars(const Measurements& all, const std::string& baseline) {
  Html pictures;
  for (const Part& part : split(all, subject)) {
    const auto summaries = summarize(split_by_setting(part.measurements));
    const double base = baseline_total(summaries, baseline);
    std::vector<Bar> bars;
    for (const Summary& summary : summaries) {
      bars.push_back(time_bar(summary, base));
    }
    pictures += bar_chart(part.label, bars, kTime);
  }
  return side_by_side(pictures);
}

Html fault_bars(const Measurements& all) {
  return bars_by_subject(all, kCount, [](const Summary& s) {
    return Bar{s.label,
               colour_class(s.label),
               {s.uffd_faults, s.minor_faults, s.major_faults},
               format_count(s.uffd_faults + s.minor_faults + s.major_faults),
               fmt::format("{}: {:.0f} major, {:.0f} minor, {:.0f} answered in user space", s.label,
                           s.major_faults, s.minor_faults, s.uffd_faults)};
  });
}

Html memory_bars(const Measurements& all) {
  return bars_by_subject(all, kSize, [](const Summary& s) {
    // The two parts together are what is resident.
    const double shared = std::max(0.0, s.resident - s.proportional);
    return Bar{
        s.label,
        colour_class(s.label),
        {s.resident - shared, shared},
        format_size(s.resident),
        fmt::format("{}: {} resident, {} in proportion; {} read", s.label, format_size(s.resident),
                    format_size(s.proportional), format_size(s.read_bytes)),
        true};
  });
}

Html fault_histograms(const Measurements& all) {
  Html pictures;
  for (const Part& part : split(all, subject)) {
    std::vector<std::pair<std::string, std::vector<FaultBucket>>> settings;
    double most = 0;
    for (const Part& setting : split_by_setting(part.measurements)) {
      settings.emplace_back(setting.label, mean_buckets(setting.measurements));
      for (const FaultBucket& bucket : settings.back().second) {
        most = std::max(most, bucket.count);
      }
    }
    for (const auto& [label, buckets] : settings) {
      if (!buckets.empty()) {
        pictures +=
            histogram(fmt::format("{}, {}", part.label, label), colour_class(label), buckets, most);
      }
    }
  }
  return side_by_side(pictures);
}

Html timelines(const Measurements& all) {
  Html rows;
  for (const Part& part : split(with_spans(all), subject)) {
    Measurements shown;
    for (const Part& setting : split_by_setting(part.measurements)) {
      shown.push_back(&typical(setting.measurements));
    }
    const double end = end_of(shown);
    rows += timeline_row(part.label, shown, end, "");
    // Where the function computes for long, the restore is a dot at the left: larger.
    const double restored = 1.5 * end_of_restore(shown);
    if (restored > 0 && restored < end / 3) {
      rows += timeline_row(part.label, shown, restored,
                           fmt::format(", first {}", format_time(restored)));
    }
  }
  return rows;
}

}  // namespace faasnap::cli::report
