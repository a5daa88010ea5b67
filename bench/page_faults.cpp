// SPDX-License-Identifier: Apache-2.0

// Page faults (FaaSnap, section 6): how many faults each setting takes on KVM's fault path, and how
// long each of them takes.

#include <fmt/format.h>

#include <cstdio>

#include "fault_probe/fault_probe.h"
#include "functions/run.h"
#include "functions/table.h"
#include "harness/program.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr GuestProgram kProgram{
    .name = "bench_page_faults",
    .experiment = "page_faults",
    .help =
        "Records each function with its first input, invokes it with its second under each "
        "setting, cold, and counts the faults on KVM's fault path by how long they take, with "
        "kprobes. Needs root. Counts the faults of all VMs of faasnap on the machine, so "
        "no other VM may run.",
    .example = "bench_page_faults --quick --functions json,image",
    .settings = "lazy,cached,reap,faasnap,stream"};

// Runs on the vCPU's thread from the exit until the guest can be entered again. Accesses to devices
// also come this way; bit 3 of the error code marks them (PFERR_RSVD).
constexpr const char* kFault = "kvm_mmu_page_fault";
constexpr const char* kFaultArguments = "error=$arg3:x64";
constexpr const char* kFaultFilter = "!(error & 8) && comm ~ \"faasnap-vcpu*\"";
// KVM passes a fault that has to wait to a kernel worker. Meanwhile the vCPU waits or, if the guest
// can, does something else.
constexpr const char* kAsyncFault = "async_pf_execute";

constexpr const char* kFaultField = "fault_buckets";
constexpr const char* kAsyncField = "async_fault_buckets";

void check(const GuestOptions& options) {
  for (const Way& way : options.ways) {
    if (way.setting == "warm" || way.setting == "boot") {
      throw UsageError(
          fmt::format("'{}' restores nothing: the faults before its invocation would "
                      "be counted",
                      way.name()));
    }
  }
}

std::string microseconds(std::uint64_t nanoseconds) {
  const double value = static_cast<double>(nanoseconds) / 1e3;
  return fmt::format("{:9.{}f}", value, value < 100 ? 1 : 0);
}

std::string describe(const std::vector<const json*>& records, const char* field) {
  std::vector<FaultHistogram> histograms;
  for (const json* record : records) {
    histograms.push_back(histogram_of(record->at(field)));
  }
  const FaultHistogram all = sum(histograms);
  return fmt::format("{:8.0f} {} {} {}",
                     static_cast<double>(count(all)) / static_cast<double>(records.size()),
                     microseconds(quantile(all, 0.5)), microseconds(quantile(all, 0.99)),
                     microseconds(quantile(all, 1)));
}

void print_faults(const std::vector<json>& records, const GuestOptions& options) {
  fmt::print("\n{:34}{:>38}{:>39}\n", "", "faults", "of these passed to a worker");
  fmt::print("{:12} {:20} {:>8} {:>9} {:>9} {:>9}   {:>8} {:>9} {:>9} {:>9}\n", "function",
             "setting", "count", "p50 us", "p99 us", "max us", "count", "p50 us", "p99 us",
             "max us");
  for (const std::string& function : options.functions) {
    for (const Way& way : options.ways) {
      const auto found = records_of(records, function, way);
      fmt::print("{:12} {:20} {}\n", function, way.name(),
                 found.empty()
                     ? fmt::format("{:>8}", "failed")
                     : describe(found, kFaultField) + "   " + describe(found, kAsyncField));
    }
  }
  std::fflush(stdout);
}

CommandLine command_line() { return guest_command_line(kProgram); }

int run(const CommandLine& line) {
  const GuestOptions options = guest_options(kProgram, line);
  check(options);
  FaultProbe faults("fault", kFault, kFaultArguments, kFaultFilter);
  FaultProbe async_faults("async_fault", kAsyncFault, "", "");
  const auto measure = [&](const std::filesystem::path& snapshot, const Invocation& invocation) {
    faults.clear();
    async_faults.clear();
    json record = invoke_cold(snapshot, invocation);
    record[kFaultField] = to_json(faults.read());
    record[kAsyncField] = to_json(async_faults.read());
    return record;
  };
  Results results = open_results(options);
  run_series(changed_input(options), options.data, results, measure);
  fmt::print(
      "cold before each invocation (mincore); counts are per invocation, the mean of {}; times are "
      "rounded up to a power of two\n",
      options.repeat);
  print_faults(results.records(), options);
  return conclude(options, results);
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
