// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <utility>

#include <faasnap/snapshot.h>
#include <faasnap/trace.h>

#include "commands/commands.h"
#include "output/trace_output.h"
#include "run/guest_network.h"
#include "run/interruption.h"
#include "run/invocation.h"
#include "settings/config.h"
#include "settings/disk_settings.h"
#include "settings/vm_settings.h"
#include "tools/accelerator.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::uint64_t kMostRepeats = 1'000'000;

CommandLine invoke_command_line() {
  CommandLine line(
      {.name = "faasnap invoke",
       .synopsis = "DIR [--input JSON] [--setting S] [OPTION]...",
       .text =
           "Restores a microVM from the snapshot in DIR and invokes the function in it. Settings:\n"
           "  warm        the VM has run the function before and stays\n"
           "  boot        a cold boot, with the disks that options name\n"
           "  lazy        guest memory is mapped; every first touch is a page fault\n"
           "  cached      as lazy, with the memory file in the page cache\n"
           "  concurrent  as lazy, with the recorded pages read while the guest runs\n"
           "  per-region  as concurrent, with the memory file mapped only where it has data\n"
           "  faasnap     as per-region, with the loading set read in order from its own file\n"
           "  reap        every touched page installed before the guest starts\n"
           "  stream      every touched page installed in order while the guest runs",
       .example = "faasnap invoke snapshots/json --input '{\"input\": \"json-151k\"}' "
                  "--setting faasnap --drop-caches"});
  line.positional({}, {"DIR"});
  line.option("snapshot", "DIR", "the same as DIR");
  add_input_option(line);
  line.option("setting", "S", "how to get the VM (default: faasnap)");
  line.option("function", "NAME", "the function (default: the one that was recorded)");
  line.flag("drop-caches", "drop the snapshot's pages from the page cache before each restore");
  line.option("repeat", "N", "invoke N times (default: 1)");
  line.flag("prepared", "prepare each VM before the request, so that only its start is measured");
  line.flag("no-prefill", "leave the second-stage page tables to the guest's own faults");
  line.option("record-accesses", "FILE",
              "write the first touch of each page to a working-set file, which must not exist; "
              "with the setting lazy, slow");
  line.option(
      "note-misses", "DIR",
      "with the setting stream, note the pages that the set lacks in a new file in DIR, for "
      "`faasnap snapshot refresh`");
  line.flag("json", "print a JSON object for each invocation");
  line.flag("spans", "with --json: the spans, too");
  line.option("trace", "FILE|URL",
              "write the spans of all invocations as Zipkin v2 JSON, or send them to a collector");
  line.option("chrome-trace", "FILE", "write them as Chrome trace events");
  line.option(
      "root-image", "FILE",
      "use this root image instead of the one that the snapshot names; must have the same content");
  add_image_options(line, false);
  add_disk_options(line);
  add_image_directories_option(line);
  add_trusted_key_option(line);
  add_bases_option(line);
  add_worker_option(line);
  add_network_options(line);
  add_store_options(line);
  add_config_option(line);
  return line;
}

std::string snapshot_of(const CommandLine& line) {
  const auto argument = line.optional_text("DIR");
  const auto option = line.optional_text("snapshot");
  if (argument.has_value() == option.has_value()) {
    throw tools::UsageError(argument ? "the snapshot is named twice, as DIR and by --snapshot"
                                     : "DIR, the snapshot to restore, is missing");
  }
  return argument ? *argument : *option;
}

std::string label(const Snapshot& snapshot, const std::string& name) {
  const auto& labels = snapshot.info().labels;
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

// Returns the recording with the exact times of touches, if the snapshot has it.
std::optional<WorkingSet> recorded_set(const Snapshot& snapshot) {
  auto exact = snapshot.working_set(Recorder::userfaultfd);
  return exact ? std::move(exact) : snapshot.working_set(Recorder::mincore);
}

// A recording is of one invocation, in a VM without any loading.
void check_recording(const CommandLine& line, const tools::Origin& origin) {
  if (origin != tools::Origin(Setting::lazy)) {
    throw tools::UsageError(
        fmt::format("--record-accesses needs --setting lazy, not '{}'", to_string(origin)));
  }
  if (line.has("repeat")) {
    throw tools::UsageError("--record-accesses records one invocation; it excludes --repeat");
  }
  const std::filesystem::path file = line.text("record-accesses");
  if (std::filesystem::exists(file)) {
    throw tools::UsageError(fmt::format("--record-accesses {}: already exists", file.string()));
  }
}

// Only the fault handler of stream knows what was missed.
void check_misses(const tools::Origin& origin) {
  if (origin != tools::Origin(Setting::stream)) {
    throw tools::UsageError(
        fmt::format("--note-misses needs --setting stream, not '{}'", to_string(origin)));
  }
}

// A restored VM has the disks of its snapshot.
void check_disks(const GuestDisks& guest, const tools::Origin& origin) {
  if (!guest.disks.empty() && origin != tools::Origin(tools::Boot{})) {
    throw tools::UsageError(fmt::format(
        "--scratch, --disk and --overlay need --setting boot, not '{}': a restore has the "
        "snapshot's disks",
        to_string(origin)));
  }
}

// A cold boot without the disks that the function was recorded with would measure another machine.
void check_recorded_disks(const GuestDisks& guest, const tools::Origin& origin,
                          const SnapshotInfo& info) {
  if (origin == tools::Origin(tools::Boot{}) && guest.disks.empty() && info.disks.value != 0) {
    throw tools::UsageError(
        fmt::format("--setting boot: the snapshot has {} KiB of disks, expected those of its "
                    "recording by --scratch, --disk or --overlay",
                    info.disks.value >> 10));
  }
}

// The figures of an invocation, such as faults, are read in /proc.
void require_proc() {
  if (!std::filesystem::exists("/proc/self/stat")) {
    throw tools::Failure("invoke: /proc is not mounted, in which the statistics of a VM are read");
  }
}

InvocationPlan make_plan(const CommandLine& line, const Config& config) {
  NetworkChoice network = network_choice(line);
  auto worker = worker_options(line, config);  // starts beside what follows
  tools::Json input = parse_input(line.text("input"));
  const auto setting = line.optional_text("setting");
  const tools::Origin chosen = setting ? parse_origin_option(*setting, "--setting")
                                       : config.restore.setting.value_or(Setting::faasnap);
  if (line.has("prepared") && !tools::is_restored(chosen)) {
    throw tools::UsageError(
        fmt::format("--prepared needs a setting that restores, not '{}'", to_string(chosen)));
  }
  if (line.has("record-accesses")) {
    check_recording(line, chosen);
  }
  if (line.has("note-misses")) {
    check_misses(chosen);
  }
  GuestDisks disks = guest_disks(line);
  check_disks(disks, chosen);
  const auto keys = trusted_keys(line, config);
  const Nanoseconds opened = epoch_now();
  const auto begun = std::chrono::steady_clock::now();
  const Snapshot snapshot = open_snapshot(line, snapshot_of(line), keys);
  const Nanoseconds opening = std::chrono::steady_clock::now() - begun;
  check_recorded_disks(disks, chosen, snapshot.info());
  const std::string function = line.optional_text("function").value_or(label(snapshot, "function"));
  if (function.empty()) {
    throw tools::UsageError("--function is missing, and the snapshot has no label 'function'");
  }
  auto record_input = tools::parse_json(label(snapshot, "input"));
  const bool traced = line.has("trace") || line.has("chrome-trace") || line.has("spans");
  return {.snapshot = snapshot,
          .origin = chosen,
          .function = function,
          .input = input,
          .record_input = record_input ? std::move(*record_input) : input,
          .root_image = line.optional_text("root-image").value_or(""),
          .image_directories = image_directories(line, config),
          .drop_caches = line.has("drop-caches"),
          .prepared = line.has("prepared") || config.restore.prepared.value_or(false),
          .prefill = !line.has("no-prefill") && config.restore.prefill.value_or(true),
          .worker = std::move(worker),
          .recorded = traced ? recorded_set(snapshot) : std::nullopt,
          .opened = opened,
          .opening = opening,
          .limits = {.disk = disk_limits(line), .store = store_limits(config)},
          .scratch_directory = line.optional_text("scratch-directory").value_or(""),
          .disks = std::move(disks),
          .network = std::move(network),
          .recording = line.optional_text("record-accesses").value_or(""),
          .miss_notes = line.optional_text("note-misses").value_or("")};
}

// How often the guest has met a limit of the store; empty if it has not.
tools::Json store_limit_hits(const StoreUse& use) {
  tools::Json hits;
  for (const auto& [name, count] : {std::pair{"refused_connections", use.refused_connections},
                                    {"closed_connections", use.closed_connections},
                                    {"refused_changes", use.refused_changes},
                                    {"delays", use.delays},
                                    {"dropped_log_lines", use.dropped_log_lines}}) {
    if (count != 0) {
      hits[name] = count;
    }
  }
  return hits;
}

tools::Json to_json(const InvocationRecord& record, const InvocationPlan& plan) {
  tools::Json json;
  json["setting"] = to_string(plan.origin);
  json["function"] = plan.function;
  json["prepared"] = record.restore.prepared;
  json["prepare_ns"] = record.prepare.count();
  json["start_ns"] = record.restore.start.count();
  json["setup_ns"] = record.setup.count();
  json["network_ns"] = record.network.count();
  json["invoke_ns"] = record.invoke.count();
  json["total_ns"] = (record.setup + record.invoke).count();
  json["first_instruction_ns"] = record.restore.first_instruction.count();
  json["guest_handler_ns"] = record.handler.count();
  json["guest_agent_ns"] = record.agent.count();
  json["vcpu_major_faults"] = record.faults.vcpu_major;
  json["vcpu_minor_faults"] = record.faults.vcpu_minor;
  json["uffd_faults"] = record.faults.handled;
  json["prefetched_bytes"] = record.prefetch.bytes.value;
  json["prefetched_read_bytes"] = record.prefetch.read.value;
  json["prefetched_pages"] = record.prefetch.pages;
  json["zero_pages"] = record.prefetch.zero_pages;
  json["prefilled_pages"] = record.restore.prefilled_pages;
  json["prefetch_ns"] = record.prefetch.duration.count();
  json["io_uring"] = record.io_uring;
  json["mappings"] = record.restore.mappings;
  json["rss_bytes"] = record.memory.resident.value;
  json["pss_bytes"] = record.memory.proportional.value;
  for (const auto& [name, count] :
       {std::pair{"dropped_console_bytes", record.limits.dropped_console.value},
        {"refused_connections", record.limits.refused_connections},
        {"dropped_connections", record.limits.dropped_connections},
        {"delayed_reads", record.limits.delayed_reads},
        {"device_slices", record.limits.device_slices},
        {"network_waits", record.limits.network_waits},
        {"disk_waits", record.limits.disk_waits}}) {
    if (count != 0) {
      json[name] = count;
    }
  }
  json["cache_pages_before"] =
      record.cached_before.pages ? tools::Json(*record.cached_before.pages) : tools::Json();
  if (auto hits = store_limit_hits(record.store); !hits.empty()) {
    json["store_limits"] = std::move(hits);
  }
  json["accelerator"] = tools::accelerator();
  json["input"] = plan.input;
  json["result"] = record.result;
  return json;
}

double milliseconds(Nanoseconds duration) { return static_cast<double>(duration.count()) / 1e6; }

double mebibytes(Bytes bytes) { return static_cast<double>(bytes.value) / (1 << 20); }

void print_row(const InvocationRecord& record, std::uint64_t number) {
  if (number == 0) {
    fmt::print("{:>4} {:>10} {:>10} {:>10} {:>8} {:>8} {:>12} {:>10} {:>13}\n", "run", "setup ms",
               "invoke ms", "total ms", "major", "minor", "prefetch MiB", "RSS MiB",
               "cached before");
  }
  fmt::print("{:>4} {:>10.2f} {:>10.2f} {:>10.2f} {:>8} {:>8} {:>12.1f} {:>10.1f} {:>13}\n",
             number + 1, milliseconds(record.setup), milliseconds(record.invoke),
             milliseconds(record.setup + record.invoke), record.faults.vcpu_major,
             record.faults.vcpu_minor, mebibytes(record.prefetch.bytes),
             mebibytes(record.memory.resident),
             record.cached_before.pages ? std::to_string(*record.cached_before.pages) : "unknown");
  std::fflush(stdout);
}

// Says what differs from what the figures usually mean.
void print_remarks(const InvocationRecord& record) {
  if (!record.io_uring) {
    fmt::print(
        "\nthis host forbids io_uring, so threads read, which is slower; "
        "see `faasnap doctor`\n");
  }
  if (!record.cached_before.pages) {
    fmt::print("\nwhat was cached before is unknown: {}\n", record.cached_before.reason);
  }
}

}  // namespace

int run_invoke(const Arguments& arguments) {
  CommandLine line = invoke_command_line();
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  if (line.has("spans") && !line.has("json")) {
    throw tools::UsageError("--spans needs --json");
  }
  const TraceTargets targets{line.optional_text("trace"), line.optional_text("chrome-trace")};
  check(targets);
  require_proc();
  Interruption interruption;
  const Config config = load_config(line.optional_text("config"));
  const std::uint64_t repeats = line.optional_number("repeat", 1, kMostRepeats).value_or(1);
  const InvocationPlan plan = make_plan(line, config);
  FunctionHost host(prepare_store(line, config));
  TraceOutput traces(targets);
  Invoker invoker(plan, host, interruption.token());
  InvocationRecord record;
  for (std::uint64_t i = 0; i < repeats; ++i) {
    Trace trace;
    record = invoker.run(trace);
    if (line.has("json")) {
      tools::Json json = to_json(record, plan);
      if (line.has("spans")) {
        json["spans"] = spans_to_json(trace);
      }
      std::cout << tools::to_text(json) << std::endl;
    } else {
      print_row(record, i);
    }
    traces.add(trace);
  }
  if (!line.has("json")) {
    print_remarks(record);
    fmt::print("\n{} ({}, {}): {}\n", plan.function, to_string(plan.origin), tools::accelerator(),
               tools::to_text(record.result));
  }
  traces.finish();
  return tools::kSuccess;
}

}  // namespace faasnap::cli
