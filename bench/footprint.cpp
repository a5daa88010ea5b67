// SPDX-License-Identifier: Apache-2.0

// Memory: the host memory that each setting uses for each function, while it serves and, if the VM
// is prepared, while it waits; and the disk space of the snapshot.

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "functions/run.h"
#include "functions/table.h"
#include "harness/disk_usage.h"
#include "harness/program.h"
#include "harness/statistics.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr GuestProgram kProgram{
    .name = "bench_footprint",
    .experiment = "footprint",
    .help =
        "Records each function with its first input, invokes it with its second under each "
        "setting, cold, and reports the use of memory and disk.",
    .example = "bench_footprint --quick --functions json,mmap",
    .settings = "lazy,cached,reap,faasnap,faasnap+prepared,stream,stream+prepared"};

constexpr std::uint64_t kPage = 4096;

json sizes_of_files(const std::filesystem::path& snapshot) {
  json sizes;
  for (const auto& entry : std::filesystem::directory_iterator(snapshot)) {
    sizes[entry.path().filename().string()] = bytes_on_disk(entry.path());
  }
  return sizes;
}

// Returns the memory of a prepared VM that waits.
std::uint64_t waiting_memory(const Snapshot& snapshot, const std::string& setting) {
  snapshot.drop_caches();
  const RestoreOptions options{.setting = *parse_setting(setting), .image_directories = {"/"}};
  return VM::prepare(snapshot, options).memory().value;
}

json measure(const std::filesystem::path& directory, const Invocation& invocation) {
  json record = invoke_cold(directory, invocation);
  const Snapshot snapshot = Snapshot::open(directory);
  // The VM is gone, but the pages that it read are still cached.
  record["cache_bytes"] = snapshot.cached_pages() * kPage;
  record["snapshot_bytes"] = bytes_on_disk(directory);
  record["file_bytes"] = sizes_of_files(directory);
  if (invocation.way.prepared) {
    record["prepared_bytes"] = waiting_memory(snapshot, invocation.way.setting);
  }
  return record;
}

// The medians of one function under one way, in MiB; empty for a field that was not measured.
class Column {
 public:
  explicit Column(std::vector<const json*> records) : records_(std::move(records)) {}

  std::string mebibytes(const char* field) const {
    constexpr double kMebi = 1 << 20;
    std::vector<double> sizes;
    for (const json* record : records_) {
      if (record->contains(field)) {
        sizes.push_back(record->at(field).get<double>() / kMebi);
      }
    }
    return sizes.empty() ? std::string() : fmt::format("{:.1f}", median(sizes));
  }

 private:
  std::vector<const json*> records_;
};

void print_footprints(const std::vector<json>& records, const GuestOptions& options) {
  fmt::print("\n{:12} {:20} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "function", "setting", "RSS", "PSS",
             "cache", "waiting", "on disk");
  for (const std::string& function : options.functions) {
    for (const Way& way : options.ways) {
      const Column column(records_of(records, function, way));
      fmt::print("{:12} {:20} {:>9} {:>9} {:>9} {:>9} {:>9}\n", function, way.name(),
                 column.mebibytes("rss_bytes"), column.mebibytes("pss_bytes"),
                 column.mebibytes("cache_bytes"), column.mebibytes("prepared_bytes"),
                 column.mebibytes("snapshot_bytes"));
    }
  }
}

// The sizes of a snapshot's files are those in its last record.
void print_files(const std::vector<json>& records, const GuestOptions& options) {
  constexpr double kMebi = 1 << 20;
  fmt::print("\nfiles of the snapshots:\n");
  for (const std::string& function : options.functions) {
    const auto last = std::find_if(records.rbegin(), records.rend(), [&](const json& record) {
      return record.at("function") == function;
    });
    if (last == records.rend()) {
      continue;
    }
    fmt::print("{:12}", function);
    for (const auto& [name, size] : last->at("file_bytes").items()) {
      fmt::print("  {} {:.1f}", name, size.get<double>() / kMebi);
    }
    fmt::print("\n");
  }
  std::fflush(stdout);
}

CommandLine command_line() { return guest_command_line(kProgram); }

int run(const CommandLine& line) {
  const GuestOptions options = guest_options(kProgram, line);
  Results results = open_results(options);
  run_series(changed_input(options), options.data, results, measure);
  fmt::print(
      "medians of {} in MiB; RSS, PSS: guest memory after the reply; cache: pages of the snapshot "
      "in the page cache then; waiting: held by a prepared VM\n",
      options.repeat);
  print_footprints(results.records(), options);
  print_files(results.records(), options);
  return conclude(options, results);
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
