// Writes what a userfaultfd recording noted as a trace for bench_replay (bench/traces/README.md).

#include <faasnap/snapshot.h>
#include <fmt/format.h>

#include <algorithm>
#include <cxxopts.hpp>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "common/program.h"
#include "common/statistics.h"
#include "replay/trace_file.h"

namespace faasnap::bench {
namespace {

WorkingSet recording_of(const Snapshot& snapshot, const std::string& file) {
  if (!file.empty()) {
    return WorkingSet::load(file);
  }
  if (auto kept = snapshot.working_set(Recorder::userfaultfd)) {
    return std::move(*kept);
  }
  throw std::runtime_error(snapshot.directory().string() +
                           " has no recording by userfaultfd; name one with --working-set");
}

// A fault that is noted takes a way through user space that the same fault without a recorder does
// not take. Where the guest computes next to nothing between two touches, that way is all there is
// between them: what a tenth of the gaps fall short of.
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

// The dilation with which the trace computes for `wanted` in all.
double dilation_of(Trace trace, Nanoseconds wanted) {
  trace.dilation = 1;
  return static_cast<double>(compute_of(trace).count()) / static_cast<double>(wanted.count());
}

Trace make_trace(const Snapshot& snapshot, const WorkingSet& recording) {
  if (recording.snapshot_id() != snapshot.info().id) {
    throw std::runtime_error(fmt::format("the recording is of the snapshot {}, not of {}",
                                         recording.snapshot_id(), snapshot.info().id));
  }
  Trace trace;
  trace.memory = snapshot.info().memory;
  trace.nonzero = snapshot.plan(Setting::stream).nonzero;
  trace.accesses = recording.accesses();
  const auto nonzero = page_map(trace.memory, trace.nonzero);
  for (PageAccess& access : trace.accesses) {
    access.zero = !nonzero[access.page.value];
  }
  return trace;
}

int run(int argc, char** argv) {
  cxxopts::Options line("bench_make_traces",
                        "Writes a recording as a trace for bench_replay.\n"
                        "Example: bench_make_traces --snapshot /data/json --function json "
                        "--input '{\"input\": \"json-13k\"}' --compute-ns 2000000 "
                        "-o bench/traces/json-first.trace\n");
  const auto text = [] { return cxxopts::value<std::string>()->default_value(""); };
  line.add_options()("snapshot", "that was recorded on; with a stream set", text())(
      "working-set", "the recording; without: the one in the snapshot", text())(
      "function", "its name", text())("input", "what it was invoked with", text())(
      "compute-ns", "how long the invocation computes on the machine that the trace stands for",
      cxxopts::value<std::uint64_t>())(
      "overhead-us", "what noting a touch takes there; without: estimated",
      cxxopts::value<std::uint64_t>())("o,output", "the trace", text())("help", "this text");
  const auto found = line.parse(argc, argv);
  if (found.count("help") != 0) {
    std::cout << line.help();
    return 0;
  }
  if (found.count("compute-ns") == 0) {
    throw cxxopts::exceptions::specification("--compute-ns is missing");
  }
  for (const char* needed : {"snapshot", "function", "input", "output"}) {
    if (found[needed].as<std::string>().empty()) {
      throw cxxopts::exceptions::specification(std::string("--") + needed + " is missing");
    }
  }
  const Snapshot snapshot = Snapshot::open(found["snapshot"].as<std::string>());
  Trace trace =
      make_trace(snapshot, recording_of(snapshot, found["working-set"].as<std::string>()));
  trace.function = found["function"].as<std::string>();
  trace.input = found["input"].as<std::string>();
  trace.overhead = found.count("overhead-us") != 0
                       ? std::chrono::microseconds(found["overhead-us"].as<std::uint64_t>())
                       : estimate_overhead(trace.accesses);
  trace.dilation = dilation_of(trace, Nanoseconds(found["compute-ns"].as<std::uint64_t>()));
  if (const auto defect = defect_of(trace)) {
    throw std::runtime_error("this recording makes no trace: " + *defect);
  }
  std::ofstream file;
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.open(found["output"].as<std::string>(), std::ios::binary);
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
  return run_program("bench_make_traces", [&] { return run(argc, argv); });
}
