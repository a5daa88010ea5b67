// SPDX-License-Identifier: Apache-2.0

// E3, bursts (FaaSnap, section 6): invokes many VMs at once, all from one snapshot or each from a
// copy of its own.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>

#include "bursts/burst.h"
#include "bursts/burst_table.h"
#include "bursts/copies.h"
#include "functions/progress.h"
#include "functions/run.h"
#include "harness/program.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr GuestProgram kProgram{
    .name = "bench_e3_bursts",
    .experiment = "e3",
    .help =
        "Records each function with its first input, and invokes it with its second in many VMs "
        "at once under each setting, cold: all from one snapshot, and each from a copy of it. "
        "Leaves out bursts that need more memory than the host has.",
    .example = "bench_e3_bursts --quick --functions hello,json --parallel 1,4,16",
    .settings = "lazy,reap,faasnap,stream"};

struct BurstOptions {
  GuestOptions guest;
  std::vector<unsigned> parallelism;
  // Larger bursts than this use one snapshot only.
  unsigned copies = 0;
};

// The bursts of a function of one kind.
struct BurstPlan {
  std::string function;
  Way way;
  bool same = true;
  unsigned parallelism = 1;
  unsigned repeat = 0;
};

const std::vector<unsigned> kQuickBursts{1, 4};
const std::vector<unsigned> kBursts{1, 2, 4, 8, 16, 32, 64};
constexpr unsigned kMostVms = 10'000;

// Refuses a VM that is not made when the request arrives.
void check_way(const Way& way) {
  if (way.setting == "warm" || way.prepared || way.merge_gap) {
    throw UsageError(fmt::format(
        "'{}' is not possible in a burst, whose VMs are made when the requests arrive, from the "
        "snapshot as it was recorded",
        way.name()));
  }
}

CommandLine burst_command_line() {
  CommandLine line = guest_command_line(kProgram);
  line.list("parallel", "NUMBERS",
            fmt::format("numbers of simultaneous VMs (default: {}, with --quick {})",
                        fmt::join(kBursts, ","), fmt::join(kQuickBursts, ",")));
  line.option("copies", "N",
              "largest bursts that are also measured with a snapshot for each VM; 0: none", "16");
  return line;
}

std::vector<unsigned> parse_bursts(const std::vector<std::string>& texts) {
  std::vector<unsigned> numbers;
  for (const std::string& text : texts) {
    const auto number = tools::parse_number(text);
    if (!number || *number == 0 || *number > kMostVms) {
      throw UsageError(fmt::format("--parallel: '{}' is not a number of VMs", text));
    }
    numbers.push_back(static_cast<unsigned>(*number));
  }
  return numbers;
}

BurstOptions burst_options(const CommandLine& line) {
  BurstOptions options{.guest = guest_options(kProgram, line),
                       .parallelism = parse_bursts(line.texts("parallel")),
                       .copies = static_cast<unsigned>(line.number("copies", 0, kMostVms))};
  std::ranges::for_each(options.guest.ways, check_way);
  if (options.parallelism.empty()) {
    const bool quick = options.guest.size == InputSize::quick;
    options.parallelism = quick ? kQuickBursts : kBursts;
  }
  return options;
}

// The settings are the inner loop, because they are compared with each other.
std::vector<BurstPlan> plans_for(const std::string& function, const BurstOptions& options) {
  std::vector<BurstPlan> plans;
  for (unsigned repeat = 0; repeat < options.guest.repeat; ++repeat) {
    for (const unsigned parallelism : options.parallelism) {
      for (const bool same : {true, false}) {
        if (!same && parallelism > options.copies) {
          continue;
        }
        for (const Way& way : options.guest.ways) {
          plans.push_back({function, way, same, parallelism, repeat});
        }
      }
    }
  }
  return plans;
}

Point point_of(const GuestOptions& options, const BurstPlan& plan, unsigned instance) {
  Point point = point_of(options, plan.function, plan.way, plan.repeat);
  point["parallelism"] = plan.parallelism;
  point["same"] = plan.same;
  point["instance"] = instance;
  return point;
}

std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    unsigned long long kibibytes = 0;
    if (std::sscanf(line.c_str(), "MemAvailable: %llu", &kibibytes) == 1) {
      return kibibytes << 10;
    }
  }
  return ~std::uint64_t{0};
}

// Returns the expected use of host memory, from the last smaller burst of this kind, or 0 if there
// was none.
std::uint64_t memory_for(const BurstPlan& plan, const Results& results) {
  const auto& records = results.records();
  const auto last = std::find_if(records.rbegin(), records.rend(), [&](const json& record) {
    return record.at("function") == plan.function && record.at("setting") == plan.way.setting &&
           record.at("same") == plan.same;
  });
  return last == records.rend() ? 0 : plan.parallelism * last->at("pss_bytes").get<std::uint64_t>();
}

class BurstBench {
 public:
  explicit BurstBench(const BurstOptions& options)
      : options_(options), results_(open_results(options.guest)) {}

  int run() {
    std::vector<std::vector<BurstPlan>> missing;
    std::size_t invocations = 0;
    for (const std::string& function : options_.guest.functions) {
      std::vector<BurstPlan> plans = plans_for(function, options_);
      std::erase_if(plans, [&](const BurstPlan& plan) { return is_measured(plan); });
      for (const BurstPlan& plan : plans) {
        invocations += plan.parallelism;
      }
      if (!plans.empty()) {
        missing.push_back(std::move(plans));
      }
    }
    {
      Progress progress(invocations);
      for (const auto& plans : missing) {
        run(plans, progress);
      }
    }
    fmt::print(
        "cold before each burst (mincore), medians of {}; times in ms; burst: from the requests to "
        "the last reply; median and longest: set-up and invocation of one VM; PSS: of all VMs\n",
        options_.guest.repeat);
    print_table(summarize_bursts(results_.records()));
    return conclude(options_.guest, results_);
  }

 private:
  bool is_measured(const BurstPlan& plan) const {
    for (unsigned i = 0; i < plan.parallelism; ++i) {
      if (!results_.has(point_of(options_.guest, plan, i))) {
        return false;
      }
    }
    return true;
  }

  void run(const std::vector<BurstPlan>& plans, Progress& progress) {
    const std::string& function = plans.front().function;
    const auto snapshot = options_.guest.data / function;
    progress.show(function + ": record");
    Copies copies(snapshot);
    std::string trouble;
    try {
      record_function(function, declared_input(function, options_.guest.size, 0), snapshot);
    } catch (const std::exception& error) {
      trouble = fmt::format("recording: {}", error.what());
    }
    for (const BurstPlan& plan : plans) {
      progress.show(fmt::format("{}: {} VMs, {}", function, plan.parallelism, plan.way.name()));
      if (!trouble.empty()) {
        fail(plan, trouble);
      } else if (memory_for(plan, results_) > available_memory()) {
        std::cerr << fmt::format("{}: left out, not enough memory: {}, {} VMs, {}\n", kProgram.name,
                                 function, plan.parallelism, plan.way.name());
      } else {
        measure(plan, copies);
      }
      progress.step(plan.parallelism);
    }
  }

  void measure(const BurstPlan& plan, Copies& copies) {
    try {
      const Burst burst =
          run_burst(plan.same ? copies.same(plan.parallelism) : copies.distinct(plan.parallelism),
                    plan.way.setting, declared_input(plan.function, options_.guest.size, 1));
      for (unsigned i = 0; i < plan.parallelism; ++i) {
        add(plan, i, burst);
      }
    } catch (const std::exception& error) {
      fail(plan, error.what());
    }
  }

  void add(const BurstPlan& plan, unsigned instance, const Burst& burst) {
    const Point point = point_of(options_.guest, plan, instance);
    const Outcome& outcome = burst.outcomes.at(instance);
    if (!outcome.error.empty()) {
      results_.add_failure(point, outcome.error);
      return;
    }
    const json& expected =
        results_by_function_.try_emplace(plan.function, outcome.record.at("result")).first->second;
    if (outcome.record.at("result") != expected) {
      results_.add_failure(point, "the result differs from that of earlier invocations");
      return;
    }
    json record = outcome.record;
    record["burst_ns"] = burst.duration.count();
    results_.add(point, record);
  }

  void fail(const BurstPlan& plan, const std::string& why) {
    for (unsigned i = 0; i < plan.parallelism; ++i) {
      results_.add_failure(point_of(options_.guest, plan, i), why);
    }
  }

  const BurstOptions& options_;
  Results results_;
  std::map<std::string, json> results_by_function_;
};

int run(const CommandLine& line) {
  const BurstOptions options = burst_options(line);
  return BurstBench(options).run();
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, burst_command_line, run);
}
