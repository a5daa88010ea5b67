// SPDX-License-Identifier: Apache-2.0

// Time of a restore until the guest runs and until it answers, cold and warm, beside QEMU's microvm
// that restores an equal guest from a file.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "harness/conditions.h"
#include "harness/json_lines.h"
#include "harness/page_cache.h"
#include "harness/program.h"
#include "harness/statistics.h"
#include "peers/own_restore.h"
#include "peers/qemu_peer.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr Setting kSettings[] = {Setting::lazy, Setting::faasnap};
constexpr QemuMemory kPeers[] = {QemuMemory::stream, QemuMemory::mapped};
constexpr const char* kCold = "cold";
constexpr const char* kWarm = "warm";

struct Options {
  unsigned repeat = 100;
  unsigned repeat_peer = 20;
  GuestParts guest;
  std::filesystem::path directory;
  std::filesystem::path output;
};

// All restores of one kind: measures by name, times in ms.
using Samples = std::map<std::string, std::vector<double>>;

// The key is the kind of restore, for example "lazy cold".
using SamplesByKind = std::map<std::string, Samples>;

template <typename Duration>
double in_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Runs the two restores of one kind, the cold one first: the warm one directly follows another of
// the same files. Keeps the results of `measure`.
template <typename Drop, typename Measure>
void measure_pair(const std::string& kind, Drop drop, Measure measure, SamplesByKind& results,
                  JsonLines& records) {
  for (const char* cache : {kCold, kWarm}) {
    if (cache == kCold && drop() != 0) {
      throw std::runtime_error(kind + ": some pages of the files are still in the page cache");
    }
    const std::map<std::string, double> values = measure();
    json record{{"kind", kind}, {"cache", cache}};
    for (const auto& [name, value] : values) {
      results[kind + " " + cache][name].push_back(value);
      record[name] = value;
    }
    records.add(record);
  }
}

void measure_own(const Snapshot& snapshot, Setting setting, SamplesByKind& results,
                 JsonLines& records) {
  const auto measure = [&]() -> std::map<std::string, double> {
    const OwnRestore restored = restore_once(snapshot.directory(), setting);
    const RestoreStats& restore = restored.stats.restore;
    const FaultStats& faults = restored.stats.faults;
    return {{"open_ms", in_ms(restored.opened)},
            {"create_ms", in_ms(restore.create)},
            {"map_ms", in_ms(restore.map)},
            {"state_ms", in_ms(restore.state)},
            {"return_ms", in_ms(restored.returned)},
            {"first_instruction_ms", in_ms(restored.first_instruction)},
            {"connected_ms", in_ms(restored.connected)},
            {"first_byte_ms", in_ms(restored.first_byte)},
            {"mappings", static_cast<double>(restore.mappings)},
            {"major_faults", static_cast<double>(faults.vcpu_major)},
            {"minor_faults", static_cast<double>(faults.vcpu_minor)}};
  };
  measure_pair(
      to_string(setting), [&] { return snapshot.drop_caches(); }, measure, results, records);
}

void measure_peer(QemuMemory memory, QemuPeer& peer, SamplesByKind& results, JsonLines& records) {
  const auto drop = [&] {
    std::uint64_t left = 0;
    for (const auto& file : peer.files()) {
      left += drop_from_cache(file);
    }
    return left;
  };
  const auto measure = [&]() -> std::map<std::string, double> {
    const QemuPeer::Restored restored = peer.restore();
    return {{"first_instruction_ms", in_ms(restored.from_command)},
            {"from_process_start_ms", in_ms(restored.from_start)}};
  };
  measure_pair(to_string(memory), drop, measure, results, records);
}

// Returns one measure as p50 and p99, or a blank.
std::string cell(const Samples& samples, const std::string& name) {
  const auto found = samples.find(name);
  return found == samples.end()
             ? fmt::format("{:>18}", "-")
             : fmt::format("{:9.2f} {:8.2f}", median(found->second), quantile(found->second, 0.99));
}

std::string count(const Samples& samples, const std::string& name) {
  const auto found = samples.find(name);
  return found == samples.end() ? "-" : fmt::format("{:.0f}", median(found->second));
}

void print_times(const SamplesByKind& results) {
  fmt::print("{:17} {:>4} {:>18} {:>18} {:>18} {:>18} {:>8} {:>6} {:>6}\n", "", "n", "return",
             "first instruction", "first vsock byte", "from process start", "mappings", "major",
             "minor");
  for (const auto& [kind, samples] : results) {
    fmt::print("{:17} {:4} {} {} {} {} {:>8} {:>6} {:>6}\n", kind,
               samples.at("first_instruction_ms").size(), cell(samples, "return_ms"),
               cell(samples, "first_instruction_ms"), cell(samples, "first_byte_ms"),
               cell(samples, "from_process_start_ms"), count(samples, "mappings"),
               count(samples, "major_faults"), count(samples, "minor_faults"));
  }
  fmt::print("\nparts of our time until the return, medians\n{:17} {:>9} {:>9} {:>9} {:>9}\n", "",
             "open", "create", "map", "state");
  for (const auto& [kind, samples] : results) {
    if (samples.contains("open_ms")) {
      fmt::print("{:17} {:9.2f} {:9.2f} {:9.2f} {:9.2f}\n", kind, median(samples.at("open_ms")),
                 median(samples.at("create_ms")), median(samples.at("map_ms")),
                 median(samples.at("state_ms")));
    }
  }
}

void print_ratios(const SamplesByKind& results) {
  fmt::print("\nfirst instruction, QEMU's time as a multiple of ours (medians)\n");
  for (const QemuMemory memory : kPeers) {
    for (const char* cache : {kCold, kWarm}) {
      const std::string peer = fmt::format("{} {}", to_string(memory), cache);
      for (const Setting setting : kSettings) {
        const std::string own = fmt::format("{} {}", to_string(setting), cache);
        const double ours = median(results.at(own).at("first_instruction_ms"));
        const Samples& theirs = results.at(peer);
        fmt::print("{:17} to {:14} {:7.1f} from its command, {:7.1f} from its process's start\n",
                   peer, own, median(theirs.at("first_instruction_ms")) / ours,
                   median(theirs.at("from_process_start_ms")) / ours);
      }
    }
  }
}

void measure_all(const Options& options, const Snapshot& snapshot,
                 std::map<QemuMemory, QemuPeer>& peers, SamplesByKind& results,
                 JsonLines& records) {
  unsigned peer_rounds = 0;
  for (unsigned round = 0; round < options.repeat; ++round) {
    show_progress(fmt::format("round {} of {}", round + 1, options.repeat));
    for (const Setting setting : kSettings) {
      measure_own(snapshot, setting, results, records);
    }
    // The peer's rounds, which are fewer, are spread over all of ours.
    if (peer_rounds * options.repeat <= round * options.repeat_peer &&
        peer_rounds < options.repeat_peer) {
      ++peer_rounds;
      for (auto& [memory, peer] : peers) {
        measure_peer(memory, peer, results, records);
      }
    }
  }
  show_progress("");
}

int compare(const Options& options) {
  std::filesystem::remove_all(options.directory);
  std::filesystem::create_directories(options.directory);
  json conditions_of_run = conditions(options.directory);
  conditions_of_run["guest_memory_mib"] = options.guest.memory / kMiB;
  conditions_of_run["guest_vcpus"] = options.guest.vcpus;
  JsonLines records(options.output);
  records.add({{"conditions", conditions_of_run}});
  fmt::print(
      "{}\ntimes in ms, p50 and p99 by nearest rank; cold: mincore finds no page of the "
      "snapshot; warm: restored just before\n\n",
      describe(conditions_of_run));
  std::fflush(stdout);

  show_progress("our snapshot");
  const Snapshot snapshot = make_snapshot(options.guest, options.directory);
  std::map<QemuMemory, QemuPeer> peers;
  const bool with_peer = options.repeat_peer != 0 && has_qemu();
  for (const QemuMemory memory : kPeers) {
    if (with_peer) {
      show_progress(std::string(to_string(memory)) + ": snapshot");
      peers.emplace(memory, QemuPeer(options.guest, memory, options.directory / to_string(memory)));
    }
  }
  SamplesByKind results;
  measure_all(options, snapshot, peers, results, records);
  print_times(results);
  if (with_peer) {
    print_ratios(results);
  } else {
    fmt::print("\nQEMU was NOT compared with: {}\n",
               has_qemu() ? "--repeat-qemu is 0" : "no qemu-system-x86_64 in PATH");
  }
  std::filesystem::remove_all(options.directory);
  return 0;
}

CommandLine command_line() {
  CommandLine line({.name = "bench_restore_latency",
                    .text = "Times restores until the first instruction and the first byte on "
                            "vsock, beside QEMU's microvm.",
                    .example = "bench_restore_latency --quick --output restore.jsonl"});
  line.flag("quick", "20 restores of each kind and 5 of QEMU, 512 MiB of guest memory");
  line.option("repeat", "N", "restores of each kind", "100");
  line.option("repeat-qemu", "N", "restores by QEMU, at most as many; 0: no comparison", "20");
  line.option("memory", "MIB", "guest memory in MiB", "2048");
  line.option("images", "DIR", "directory of the guest image, made by ./dev images",
              images_directory());
  line.option(
      "data", "DIR",
      "directory for snapshots, on a disk, not in memory; its folder restore-latency is replaced",
      data_directory());
  line.option("output", "FILE", "results file, a JSON object per restore (default: none)");
  return line;
}

Options options_of(const CommandLine& line) {
  constexpr std::uint64_t kMost = 1'000'000;
  const auto number = [&](const char* name, std::uint64_t least, std::uint64_t quick) {
    return line.has("quick") && !line.has(name) ? quick : line.number(name, least, kMost);
  };
  const auto repeat = static_cast<unsigned>(number("repeat", 1, 20));
  return {.repeat = repeat,
          .repeat_peer = std::min(repeat, static_cast<unsigned>(number("repeat-qemu", 0, 5))),
          .guest = {.images = line.text("images"), .memory = number("memory", 1, 512) * kMiB},
          .directory = std::filesystem::path(line.text("data")) / "restore-latency",
          .output = line.optional_text("output").value_or("")};
}

int run(const CommandLine& line) { return compare(options_of(line)); }

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
