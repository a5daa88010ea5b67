// SPDX-License-Identifier: Apache-2.0

// Writes a recording by userfaultfd as a trace for bench_replay (bench/traces/README.md).

#include <faasnap/snapshot.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <stdexcept>

#include "harness/program.h"
#include "harness/statistics.h"
#include "replay/trace/trace_file.h"

namespace faasnap::bench {
namespace {

WorkingSet recording_of(const Snapshot& snapshot, const std::optional<std::string>& file) {
  if (file) {
    return WorkingSet::load(*file);
  }
  if (auto kept = snapshot.working_set(Recorder::userfaultfd)) {
    return std::move(*kept);
  }
  throw std::runtime_error(snapshot.directory().string() +
                           " has no recording by userfaultfd; name one with --working-set");
}

// Returns the estimated time that recording adds to a touch. A recorded fault passes through user
// space, which the same fault without a recorder does not. Where the guest computes next to nothing
// between two touches, the gap consists of this overhead alone: one tenth of the gaps are shorter
// than the estimate.
Nanoseconds estimate_overhead(const std::vector<PageAccess>& accesses) {
  constexpr double kFraction = 0.1;
  std::vector<double> gaps;
  for (std::size_t i = 1; i < accesses.size(); ++i) {
    gaps.push_back(static_cast<double>((accesses[i].time - accesses[i - 1].time).count()));
  }
  return Nanoseconds(gaps.empty() ? 0 : static_cast<std::int64_t>(quantile(gaps, kFraction)));
}

Nanoseconds compute_of(const Trace& trace) {
  Nanoseconds compute{0};
  for (const Nanoseconds gap : native_gaps(trace)) {
    compute += gap;
  }
  return compute;
}

// Returns the dilation with which the trace computes for `wanted` in all.
double dilation_of(Trace trace, Nanoseconds wanted) {
  trace.dilation = 1;
  return static_cast<double>(compute_of(trace).count()) / static_cast<double>(wanted.count());
}

Trace make_trace(const Snapshot& snapshot, const WorkingSet& recording) {
  if (recording.snapshot_id() != snapshot.info().id) {
    throw std::runtime_error(fmt::format("the recording belongs to snapshot {}, not to {}",
                                         recording.snapshot_id(), snapshot.info().id));
  }
  Trace trace;
  trace.memory = snapshot.info().memory;
  trace.nonzero = snapshot.plan(Setting::stream).handled()->nonzero;
  trace.accesses = recording.accesses();
  const auto nonzero = page_map(trace.memory, trace.nonzero);
  for (PageAccess& access : trace.accesses) {
    access.zero = !nonzero[access.page.value];
  }
  return trace;
}

CommandLine command_line() {
  CommandLine line({.name = "bench_make_traces",
                    .text = "Writes a recording as a trace for bench_replay.",
                    .example = "bench_make_traces --snapshot /data/json --function json --input "
                               "'{\"input\": \"json-13k\"}' --compute-ns 2000000 -o "
                               "bench/traces/json-first.trace"});
  line.option("snapshot", "DIR", "the recorded snapshot, with a stream set");
  line.option("working-set", "FILE", "the recording (default: the one in the snapshot)");
  line.option("function", "NAME", "the function's name");
  line.option("input", "JSON", "the input of the invocation");
  line.option("compute-ns", "N",
              "compute time of the invocation on the machine that the trace stands for");
  line.option("overhead-us", "N", "time to record a touch there (default: estimated)");
  line.option("o,output", "FILE", "the trace");
  return line;
}

int run(const CommandLine& line) {
  constexpr std::uint64_t kMostTime = 1'000'000'000'000;
  const Nanoseconds compute(line.number("compute-ns", 1, kMostTime));
  const std::string output = line.text("output");
  const Snapshot snapshot = Snapshot::open(line.text("snapshot"));
  Trace trace = make_trace(snapshot, recording_of(snapshot, line.optional_text("working-set")));
  trace.function = line.text("function");
  trace.input = line.text("input");
  const auto overhead = line.optional_number("overhead-us", 0, kMostTime);
  trace.overhead =
      overhead ? std::chrono::microseconds(*overhead) : estimate_overhead(trace.accesses);
  trace.dilation = dilation_of(trace, compute);
  if (const auto defect = defect_of(trace)) {
    throw std::runtime_error("not a valid trace: " + *defect);
  }
  std::ofstream file;
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.open(output, std::ios::binary);
  file << print_trace(trace);

  fmt::print("{}: {} touches, {} ms of compute, dilation {:.1f}, overhead {} us a touch\n",
             trace.function, trace.accesses.size(), compute_of(trace).count() / 1'000'000,
             trace.dilation, trace.overhead.count() / 1000);
  return 0;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
