#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <map>

#include "commands/commands.h"
#include "failure.h"
#include "output/progress.h"
#include "run/free_memory.h"
#include "run/function_host.h"
#include "run/interruption.h"
#include "run/recording.h"
#include "settings/config.h"
#include "settings/vm_settings.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostRecordings = 100;

CommandLine record_command_line() {
  CommandLine line(
      {.name = "faasnap record",
       .synopsis = "FUNCTION --input JSON --snapshot DIR [OPTION]...",
       .text = "Boots a microVM, invokes the function in it while recording which of the guest's "
               "pages it\nuses, and makes a snapshot from which `faasnap invoke` serves it.",
       .example =
           "faasnap record json --input '{\"input\": \"json-13k\"}' --snapshot snapshots/json"});
  line.positional({"FUNCTION"});
  line.option("input", "JSON", "the function's input, a JSON object; @FILE reads it from a file");
  line.option("snapshot", "DIR", "the snapshot to make; must not exist");
  line.list("label", "LABEL", "a label for the snapshot, KEY=VALUE; repeatable");
  line.option("recordings", "N", "invoke N times for the recording by userfaultfd (default: 1)");
  line.option("free-memory", "MODE",
              "what happens to memory that the guest has freed: report (dropped), zero (zeroed by "
              "the\nguest at a cost to every invocation) or keep (stays in the snapshot); default: "
              "report");
  line.flag("json", "print a JSON record");
  add_image_options(line, true);
  add_store_options(line);
  add_config_option(line);
  return line;
}

std::string function_name(const CommandLine& line) {
  // The name becomes a word of the kernel command line.
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
      throw UsageError(fmt::format("--label {}: expected KEY=VALUE", label));
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

// Returns the path for the snapshot, which must not exist, in a directory that must exist.
fs::path snapshot_target(const CommandLine& line) {
  const fs::path target = fs::absolute(line.text("snapshot")).lexically_normal();
  const fs::path path = target.has_filename() ? target : target.parent_path();
  if (fs::symlink_status(path).type() != fs::file_type::not_found) {
    throw Failure(fmt::format("{}: already exists", path.string()));
  }
  if (!fs::is_directory(path.parent_path())) {
    throw Failure(fmt::format("{}: not a directory", path.parent_path().string()));
  }
  return path;
}

void print(const Recorded& recorded, const Recording& recording, double seconds, bool json) {
  const SnapshotInfo& info = recorded.snapshot.info();
  const std::string directory = recorded.snapshot.directory().string();
  if (json) {
    Json record;
    record["snapshot"] = directory;
    record["id"] = info.id;
    record["function"] = recording.function;
    record["input"] = recording.input;
    record["result"] = recorded.result;
    record["free_memory"] = to_string(recording.free_memory);
    record["memory_bytes"] = info.memory.value;
    record["nonzero_pages"] = info.nonzero_pages;
    record["working_set_pages"] = info.working_set_pages;
    record["touched_pages"] = info.touched_pages;
    record["similarity"] = recorded.similarity;
    record["loading_set_regions"] = info.loading_set_regions;
    record["loading_set_pages"] = info.loading_set_pages;
    record["stream_set_pages"] = info.stream_set_pages;
    record["stream_set_zero_pages"] = info.stream_set_zero_pages;
    record["duration_ns"] = static_cast<std::int64_t>(seconds * 1e9);
    std::cout << to_text(record) << "\n";
    return;
  }
  fmt::print(
      "{}\n"
      "  function      {} {}\n"
      "  result        {}\n"
      "  pages         {} not zero, {} recorded by mincore, {} by userfaultfd\n"
      "  loading set   {} pages in {} regions\n"
      "  stream set    {} pages, and {} zero pages\n",
      directory, recording.function, to_text(recording.input), to_text(recorded.result),
      info.nonzero_pages, info.working_set_pages, info.touched_pages, info.loading_set_pages,
      info.loading_set_regions, info.stream_set_pages, info.stream_set_zero_pages);
  if (recording.repeats > 1) {
    fmt::print("  recordings    {}, at least {:.0f} % alike\n", recording.repeats,
               100 * recorded.similarity);
  }
}

}  // namespace

int run_record(const Arguments& arguments) {
  CommandLine line = record_command_line();
  if (!line.parse(arguments)) {
    return kSuccess;
  }
  const auto begun = std::chrono::steady_clock::now();
  Interruption interruption;
  const Config config = load_config(line.optional_text("config"));
  Recording recording;
  recording.function = function_name(line);
  recording.input = parse_input(line.text("input"));
  recording.repeats =
      static_cast<unsigned>(line.optional_number("recordings", 1, kMostRecordings).value_or(1));
  recording.options.thresholds = config.restore.thresholds;
  recording.options.labels = labels_of(line);
  recording.options.labels["function"] = recording.function;
  recording.options.labels["input"] = to_text(recording.input);
  recording.target = snapshot_target(line);
  recording.free_memory = free_memory_mode(line, config);
  recording.boot = vm_options(
      line, config, "faasnap.function=" + recording.function + kernel_words(recording.free_memory));
  recording.boot.report_free_memory = recording.free_memory == FreeMemory::report;
  FunctionHost host(prepare_store(line, config));

  Steps steps;
  const Recorded recorded = record(recording, host, interruption, steps);
  steps.done();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  print(recorded, recording, taken.count(), line.has("json"));
  return kSuccess;
}

}  // namespace faasnap::cli
