// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <map>
#include <optional>

#include <faasnap/function_recorder.h>
#include <faasnap/snapshot_signature.h>

#include "commands/commands.h"
#include "output/progress.h"
#include "run/guest_network.h"
#include "run/interruption.h"
#include "run/recording.h"
#include "settings/config.h"
#include "settings/vm_settings.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::uint64_t kMostRecordings = 100;

CommandLine record_command_line() {
  CommandLine line(
      {.name = "faasnap record",
       .synopsis = "FUNCTION --snapshot DIR [--input JSON] [OPTION]...",
       .text = "Boots a microVM, invokes the function in it while recording which of the guest's "
               "pages it\nuses, and makes a snapshot from which `faasnap invoke` serves it.",
       .example =
           "faasnap record json --input '{\"input\": \"json-13k\"}' --snapshot snapshots/json"});
  line.positional({"FUNCTION"});
  add_input_option(line);
  line.option("snapshot", "DIR", "the snapshot to make; must not exist");
  line.option(
      "base", "DIR",
      "record in a clone of this snapshot (faasnap base make), and keep only the pages that "
      "differ\nfrom it; the base must then be beside the new snapshot, or named with --bases");
  add_trusted_key_option(line, "the base");
  line.list("label", "LABEL", "a label for the snapshot, KEY=VALUE; repeatable");
  line.option("recordings", "N", "invoke N times for the recording by userfaultfd (default: 1)");
  line.option("other-inputs", "JSON",
              "an array of inputs; each is recorded by userfaultfd once as well, so that the sets "
              "of\nreap and stream fit them, too; @FILE reads it from a file");
  add_free_memory_option(line);
  line.option("compress", "NAME",
              "how the stream set is stored: none, or lz4, which takes half the room and suits "
              "network\nvolumes and remote stores, not local disks; default: none");
  line.option("sign-key", "FILE", "sign the snapshot with this private key (PEM)");
  line.flag("json", "print a JSON record");
  add_image_options(line, true);
  add_worker_option(line);
  add_network_options(line);
  add_store_options(line);
  add_config_option(line);
  return line;
}

std::map<std::string, std::string> labels_of(const CommandLine& line) {
  std::map<std::string, std::string> labels;
  for (const std::string& label : line.texts("label")) {
    const auto equals = label.find('=');
    if (equals == 0 || equals == std::string::npos) {
      throw tools::UsageError(fmt::format("--label {}: expected KEY=VALUE", label));
    }
    labels[label.substr(0, equals)] = label.substr(equals + 1);
  }
  return labels;
}

Compression compression(const CommandLine& line, const Config& config) {
  const auto given = line.optional_text("compress");
  return given ? parse_compression_option(*given, "--compress")
               : config.restore.compress.value_or(Compression::none);
}

FunctionRecorderOptions recorder_options(const CommandLine& line, const Config& config) {
  FunctionRecorderOptions options;
  options.free_memory = free_memory_mode(line, config);
  options.recordings =
      static_cast<unsigned>(line.optional_number("recordings", 1, kMostRecordings).value_or(1));
  if (const auto others = line.optional_text("other-inputs")) {
    for (const tools::Json& input : parse_objects(*others, "--other-inputs")) {
      options.other_inputs.push_back(tools::to_text(input));
    }
  }
  options.thresholds = config.restore.thresholds;
  options.compression = compression(line, config);
  options.labels = labels_of(line);
  options.guest = vm_options(line, config, "");
  if (const auto base = line.optional_text("base")) {
    options.base = open_snapshot(*base, trusted_keys(line, config));
  } else if (!line.texts("trusted-key").empty()) {
    throw tools::UsageError("--trusted-key is for a base: expected --base");
  }
  return options;
}

// What is recorded, for the output.
struct Invocation {
  std::string function;
  tools::Json input;
};

void print_json(const RecordedFunction& recorded, const Invocation& invocation,
                FreeMemory free_memory, double seconds) {
  const SnapshotInfo& info = recorded.snapshot.info();
  tools::Json record;
  record["snapshot"] = recorded.snapshot.directory().string();
  record["id"] = info.id;
  record["function"] = invocation.function;
  record["input"] = invocation.input;
  record["result"] = tools::parse_json(recorded.result).value();
  record["free_memory"] = to_string(free_memory);
  record["memory_bytes"] = info.memory.value;
  record["nonzero_pages"] = info.nonzero_pages;
  record["stored_pages"] = info.stored_pages;
  record["working_set_pages"] = info.working_set_pages;
  record["touched_pages"] = info.touched_pages;
  record["similarity"] = recorded.similarity;
  record["loading_set_regions"] = info.loading_set_regions;
  record["loading_set_pages"] = info.loading_set_pages;
  record["stream_set_pages"] = info.stream_set_pages;
  record["stream_set_zero_pages"] = info.stream_set_zero_pages;
  if (const auto set = recorded.snapshot.stream_set()) {
    record["stream_set_bytes"] = set->content.value;
    record["stream_set_stored_bytes"] = set->stored.value;
  }
  if (!recorded.no_userfaultfd.empty()) {
    record["lacks_settings"] = {to_string(Setting::reap), to_string(Setting::stream)};
    record["lacks_reason"] = recorded.no_userfaultfd;
  }
  record["duration_ns"] = static_cast<std::int64_t>(seconds * 1e9);
  std::cout << tools::to_text(record) << "\n";
}

void print(const RecordedFunction& recorded, const Invocation& invocation, unsigned recordings) {
  const SnapshotInfo& info = recorded.snapshot.info();
  fmt::print(
      "{}\n"
      "  function      {} {}\n"
      "  result        {}\n"
      "  pages         {} not zero, {} of them its own, {} recorded by mincore, {} by userfaultfd\n"
      "  loading set   {} pages in {} regions\n"
      "  stream set    {} pages, and {} zero pages\n",
      recorded.snapshot.directory().string(), invocation.function, tools::to_text(invocation.input),
      recorded.result, info.nonzero_pages, info.stored_pages, info.working_set_pages,
      info.touched_pages, info.loading_set_pages, info.loading_set_regions, info.stream_set_pages,
      info.stream_set_zero_pages);
  if (!recorded.no_userfaultfd.empty()) {
    fmt::print("  lacks         the settings {} and {}: {}\n", to_string(Setting::reap),
               to_string(Setting::stream), recorded.no_userfaultfd);
  } else if (recordings > 1) {
    fmt::print("  recordings    {}, at least {:.0f} % alike\n", recordings,
               100 * recorded.similarity);
  }
}

}  // namespace

int run_record(const Arguments& arguments) {
  CommandLine line = record_command_line();
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const auto begun = std::chrono::steady_clock::now();
  const Interruption interruption;
  const Config config = load_config(line.optional_text("config"));
  const Invocation invocation{checked_function_name(line.text("FUNCTION")),
                              parse_input(line.text("input"))};
  const std::string snapshot = line.text("snapshot");
  const NetworkChoice choice = network_choice(line);
  FunctionRecorderOptions options = recorder_options(line, config);
  const GuestNetwork network(choice);
  options.guest.attachments.network = network.options();
  options.network = choice.config;
  std::optional<SigningKey> key;
  if (const auto file = line.optional_text("sign-key")) {
    key.emplace(*file);
  }
  FunctionHost host(prepare_store(line, config));

  Steps steps;
  const RecordedFunction recorded =
      FunctionRecorder(host, options)
          .record(invocation.function, tools::to_text(invocation.input), snapshot,
                  shown_by(steps, interruption));
  if (key) {
    steps.begin("verify and sign");
    sign_snapshot(snapshot, *key, steps.progress());
  }
  steps.done();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  if (line.has("json")) {
    print_json(recorded, invocation, options.free_memory, taken.count());
  } else {
    print(recorded, invocation, options.recordings);
  }
  return tools::kSuccess;
}

}  // namespace faasnap::cli
