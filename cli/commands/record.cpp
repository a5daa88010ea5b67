#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <map>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/working_set.h>

#include "commands/commands.h"
#include "config.h"
#include "failure.h"
#include "free_memory.h"
#include "function_host.h"
#include "interruption.h"
#include "progress.h"
#include "scratch_directory.h"
#include "vm_settings.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

CommandLine make_command_line() {
  CommandLine line(
      "record", "FUNCTION --input JSON --snapshot DIR [OPTION]...",
      "Boots a microVM, invokes the function in it while recording which of the guest's pages it\n"
      "uses, and leaves a snapshot from which `faasnap invoke` serves.",
      "faasnap record json --input '{\"input\": \"json-13k\"}' --snapshot snapshots/json");
  line.positional({"FUNCTION"});
  line.add()("input", "the function's input, a JSON object; @FILE reads it from a file",
             cxxopts::value<std::string>(), "JSON")(
      "snapshot", "the snapshot to make; must not exist", cxxopts::value<std::string>(), "DIR")(
      "label", "a label for the snapshot, KEY=VALUE; repeatable",
      cxxopts::value<std::vector<std::string>>(), "LABEL")(
      "free-memory",
      "what becomes of memory that the guest has freed: report (dropped), zero (zeroed by the\n"
      "guest at a cost to every invocation) or keep (stays in the snapshot); default: report",
      cxxopts::value<std::string>(), "MODE")("json", "print a JSON record");
  add_image_options(line, true);
  add_store_option(line);
  add_config_option(line);
  return line;
}

std::string function_name(const CommandLine& line) {
  // A word of the kernel command line.
  const std::string name = line.text("FUNCTION");
  const auto allowed = "abcdefghijklmnopqrstuvwxyz0123456789_";
  if (name.size() > 64 || name.find_first_not_of(allowed) != std::string::npos) {
    throw UsageError(fmt::format("'{}' is not the name of a function", name));
  }
  return name;
}

std::map<std::string, std::string> labels_of(const CommandLine& line) {
  std::map<std::string, std::string> labels;
  for (const std::string& label : line.texts("label")) {
    const auto equals = label.find('=');
    if (equals == 0 || equals == std::string::npos) {
      throw UsageError(fmt::format("--label {}: KEY=VALUE is expected", label));
    }
    labels[label.substr(0, equals)] = label.substr(equals + 1);
  }
  return labels;
}

FreeMemory free_memory_mode(const CommandLine& line, const Config& config) {
  const auto given = line.optional_text("free-memory");
  return given ? parse_free_memory(*given, "--free-memory")
               : config.vm.free_memory.value_or(FreeMemory::report);
}

// Where to put the snapshot: absent as yet, in a directory that is there.
fs::path snapshot_target(const CommandLine& line) {
  const fs::path target = fs::absolute(line.text("snapshot")).lexically_normal();
  const fs::path path = target.has_filename() ? target : target.parent_path();
  if (fs::symlink_status(path).type() != fs::file_type::not_found) {
    throw Failure(fmt::format("{}: exists already", path.string()));
  }
  if (!fs::is_directory(path.parent_path())) {
    throw Failure(fmt::format("{}: not a directory", path.parent_path().string()));
  }
  return path;
}

// Everything that the recording of one function needs.
struct Plan {
  std::string function;
  Json input;
  fs::path target;
  FreeMemory free_memory;
  SnapshotOptions options;
};

// Lets the guest give up what it has freed. Before the recording, too: what the guest's kernel does
// for it would otherwise be recorded.
void settle(const VM& vm, const Plan& plan, Steps& steps) {
  if (plan.free_memory == FreeMemory::report) {
    steps.begin("wait for the guest to report its free memory");
    wait_for_reports(vm);
  }
}

// A snapshot of a guest that is ready for its first invocation.
Snapshot make_base(const VmOptions& boot, const Plan& plan, FunctionHost& host,
                   const fs::path& path, Interruption& interruption, Steps& steps) {
  const ConsoleTail console;
  VmOptions options = boot;
  options.attachments.console = console.sink();
  steps.begin("boot the guest");
  VM vm = VM::boot(options);
  const Interruption::Guard guard(interruption, [&] { vm.stop(); });
  host.attach(vm);
  steps.begin("wait for the agent");
  wait_for_agent(vm, console);
  settle(vm, plan, steps);
  steps.begin("snapshot the guest before its first invocation");
  return vm.snapshot(path);
}

void drop_caches(const Snapshot& snapshot) {
  if (const auto left = snapshot.drop_caches(); left != 0) {
    throw Failure(
        fmt::format("{}: {} pages stay in the page cache, so that a recording would show "
                    "what is not used; `faasnap doctor` says more",
                    snapshot.directory().parent_path().parent_path().string(), left));
  }
}

// A signal stops the guest, which can come too late to keep the snapshot from being written: what
// was written is removed then.
Snapshot write_target(VM& vm, const Plan& plan) {
  try {
    Snapshot snapshot = vm.snapshot(plan.target, plan.options);
    Interruption::check();
    return snapshot;
  } catch (const std::exception&) {
    if (Interruption::received() != 0 && fs::exists(plan.target)) {
      Snapshot::remove(plan.target);
    }
    throw;
  }
}

Snapshot record(const Snapshot& base, Plan& plan, FunctionHost& host, Interruption& interruption,
                Steps& steps, Json& result) {
  steps.begin("restore it from cold storage");
  drop_caches(base);
  RestoreOptions options;
  options.setting = Setting::lazy;
  options.start = false;
  options.release_free_memory = plan.free_memory == FreeMemory::report;
  VM vm = VM::restore(base, options);
  const Interruption::Guard guard(interruption, [&] { vm.stop(); });
  host.attach(vm);
  WorkingSetRecorder recorder(base, vm);
  steps.begin(fmt::format("invoke {} and record its pages", plan.function));
  vm.resume();
  result = invoke_function(vm, plan.function, plan.input);
  const WorkingSet working_set = recorder.finish();
  settle(vm, plan, steps);
  steps.begin("snapshot the guest with its loading set");
  plan.options.working_set = &working_set;
  return write_target(vm, plan);
}

void print(const Snapshot& snapshot, const Plan& plan, const Json& result, double seconds,
           bool json) {
  const SnapshotInfo& info = snapshot.info();
  if (json) {
    Json record;
    record["snapshot"] = snapshot.directory().string();
    record["id"] = info.id;
    record["function"] = plan.function;
    record["input"] = plan.input;
    record["result"] = result;
    record["free_memory"] = to_string(plan.free_memory);
    record["memory_bytes"] = info.memory.value;
    record["nonzero_pages"] = info.nonzero_pages;
    record["working_set_pages"] = info.working_set_pages;
    record["loading_set_regions"] = info.loading_set_regions;
    record["loading_set_pages"] = info.loading_set_pages;
    record["duration_ns"] = static_cast<std::int64_t>(seconds * 1e9);
    std::cout << to_text(record) << "\n";
    return;
  }
  fmt::print(
      "{}\n"
      "  function      {} {}\n"
      "  result        {}\n"
      "  pages         {} not zero, {} recorded\n"
      "  loading set   {} pages in {} regions\n",
      snapshot.directory().string(), plan.function, to_text(plan.input), to_text(result),
      info.nonzero_pages, info.working_set_pages, info.loading_set_pages, info.loading_set_regions);
}

}  // namespace

int run_record(const Arguments& arguments) {
  CommandLine line = make_command_line();
  if (!line.parse(arguments)) {
    return kSuccess;
  }
  const auto begun = std::chrono::steady_clock::now();
  Interruption interruption;
  const Config config = load_config(line.optional_text("config"));
  Plan plan{
      function_name(line), parse_input(line.text("input")), {}, free_memory_mode(line, config), {}};
  plan.options.labels = labels_of(line);
  plan.options.labels["function"] = plan.function;
  plan.options.labels["input"] = to_text(plan.input);
  plan.options.thresholds = config.restore.thresholds;
  plan.target = snapshot_target(line);
  VmOptions boot = vm_options(line, config,
                              "faasnap.function=" + plan.function + kernel_words(plan.free_memory));
  boot.report_free_memory = plan.free_memory == FreeMemory::report;
  FunctionHost host(prepare_store(line, config));

  const ScratchDirectory scratch(plan.target.parent_path());
  Steps steps;
  Json result;
  const Snapshot base = make_base(boot, plan, host, scratch.path() / "base", interruption, steps);
  const Snapshot snapshot = record(base, plan, host, interruption, steps, result);
  steps.done();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  print(snapshot, plan, result, taken.count(), line.has("json"));
  return kSuccess;
}

}  // namespace faasnap::cli
