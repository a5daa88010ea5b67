// SPDX-License-Identifier: Apache-2.0

// Noisy neighbours: how long a VM takes for a request while another VM of the host does its worst,
// both in workers and both in this process. The ways take turns, and before each of them the VM
// serves undisturbed.

#include <faasnap/directory_store.h>
#include <faasnap/error.h>
#include <faasnap/function_host.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "harness/conditions.h"
#include "harness/json_lines.h"
#include "harness/program.h"
#include "harness/statistics.h"
#include "neighbour/ways.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr std::uint32_t kServicePort = 1;
constexpr std::uint32_t kKeptPort = 1;
constexpr std::uint32_t kSinkPort = 2;
constexpr std::chrono::seconds kPatience(60);
// Time for a neighbour to get going.
constexpr std::chrono::milliseconds kStart(200);
constexpr unsigned kWarmUp = 50;
constexpr double kSlowest = 0.99;
constexpr Bytes kDisk = 1_GiB;
constexpr Bytes kGuestMemory = 512_MiB;
constexpr std::array kHostings = {"in process", "worker"};

struct Options {
  unsigned rounds = 5;
  unsigned requests = 400;
  std::vector<Way> ways;
  std::filesystem::path directory;
  std::filesystem::path output;
};

VmOptions guest(char letter, bool worker) {
  VmOptions options;
  options.kernel = FAASNAP_NEIGHBOUR_GUEST;
  options.command_line = letter;
  options.vcpus = 1;
  options.memory = kGuestMemory;
  if (worker) {
    options.worker = WorkerOptions{};
  }
  return options;
}

// Connects once the guest's driver has started.
GuestStream connect(VM& vm) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    try {
      return vm.connect(kServicePort, kPatience);
    } catch (const Error&) {
      if (is_final(vm.state()) || std::chrono::steady_clock::now() > end) {
        throw;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

// The VM that serves requests.
class Server {
 public:
  explicit Server(bool worker) : vm_(VM::boot(guest(kServing, worker))), stream_(connect(vm_)) {
    serve(kWarmUp);
  }

  // Returns the times of requests that follow one another, in microseconds.
  std::vector<double> serve(unsigned requests) {
    std::vector<double> times;
    std::array<std::byte, 64> message{};
    for (unsigned i = 0; i < requests; ++i) {
      const auto begun = std::chrono::steady_clock::now();
      stream_.write(message, kPatience);
      for (std::size_t got = 0; got < message.size();) {
        const std::size_t size = stream_.read(std::span(message).subspan(got), kPatience);
        if (size == 0) {
          throw std::runtime_error("the server has ended: " + vm_.failure());
        }
        got += size;
      }
      const std::chrono::duration<double, std::micro> time =
          std::chrono::steady_clock::now() - begun;
      times.push_back(time.count());
    }
    return times;
  }

 private:
  VM vm_;
  GuestStream stream_;
};

// A VM that does its worst while this exists.
class Neighbour {
 public:
  Neighbour(const Way& way, bool worker, const std::filesystem::path& directory, FunctionHost& host)
      : vm_(VM::boot(options(way, worker, directory))) {
    host.attach(vm_);
    vm_.listen(kKeptPort, [this, keep = way.letter == 'c'](GuestStream stream) {
      if (keep) {
        kept_.push_back(std::move(stream));
      }
    });
    vm_.listen(kSinkPort, [this](GuestStream stream) {
      sinks_.emplace_back([stream = std::move(stream)]() mutable {
        std::vector<std::byte> buffer(256 << 10);
        try {
          while (stream.read(buffer) != 0) {
          }
        } catch (const Error&) {
          // The VM has ended.
        }
      });
    });
    if (way.snapshots) {
      snapshots_ = std::jthread([this, path = directory / "snapshot"](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          vm_.snapshot(path);
          Snapshot::remove(path);
        }
      });
    }
    std::this_thread::sleep_for(kStart);
    if (is_final(vm_.state())) {
      throw std::runtime_error(
          fmt::format("the neighbour ({}) ended: {}", way.name, vm_.failure()));
    }
  }
  ~Neighbour() {
    snapshots_ = {};
    vm_.stop();
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

  LimitHits limits() const { return vm_.stats().limits; }

 private:
  static VmOptions options(const Way& way, bool worker, const std::filesystem::path& directory) {
    VmOptions options = guest(way.letter, worker);
    options.report_free_memory = way.balloon;
    if (way.disk) {
      options.root_image = directory / "disk";
    }
    return options;
  }

  std::vector<GuestStream> kept_;
  std::vector<std::jthread> sinks_;
  VM vm_;
  std::jthread snapshots_;
};

// What the turns of one way came to, in microseconds.
struct Turns {
  std::vector<double> half;
  std::vector<double> slowest;
  // To the slowest of the undisturbed turn before.
  std::vector<double> ratio;

  void add(const std::vector<double>& times, double undisturbed) {
    half.push_back(median(times));
    slowest.push_back(quantile(times, kSlowest));
    ratio.push_back(slowest.back() / undisturbed);
  }
};

// By the name of the way; the empty name is undisturbed.
using Times = std::map<std::string, Turns>;

void measure(const Options& options, bool worker, FunctionHost& host, Times& times,
             std::map<std::string, LimitHits>& hits) {
  Server server(worker);
  for (const Way& way : options.ways) {
    show_progress(fmt::format("{}: {}", kHostings[worker ? 1 : 0], way.name));
    const std::vector<double> before = server.serve(options.requests);
    const double undisturbed = quantile(before, kSlowest);
    times[""].add(before, undisturbed);
    std::vector<std::unique_ptr<Neighbour>> neighbours;
    for (unsigned i = 0; i < way.vms; ++i) {
      neighbours.push_back(std::make_unique<Neighbour>(way, worker, options.directory, host));
    }
    times[std::string(way.name)].add(server.serve(options.requests), undisturbed);
    hits[std::string(way.name)] = neighbours.front()->limits();
  }
}

int run(const Options& options) {
  std::filesystem::create_directories(options.directory);
  std::ofstream(options.directory / "disk").close();
  std::filesystem::resize_file(options.directory / "disk", kDisk.value);
  FunctionHost host(std::make_shared<DirectoryStore>(options.directory / "store"));
  std::array<Times, kHostings.size()> times;
  std::array<std::map<std::string, LimitHits>, kHostings.size()> hits;
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (std::size_t hosting = 0; hosting < kHostings.size(); ++hosting) {
      measure(options, hosting == 1, host, times[hosting], hits[hosting]);
    }
  }
  const json conditions_of_run = conditions(options.directory);
  fmt::print("{}\n{} requests in each of {} turns, medians of the turns, microseconds\n\n",
             describe(conditions_of_run), options.requests, options.rounds);
  JsonLines records(options.output);
  records.add(conditions_of_run);
  fmt::print("{:26}", "");
  for (const char* hosting : kHostings) {
    fmt::print("{:>12} p50 {:>8} {:>7}", hosting, "p99", "ratio");
  }
  fmt::print("\n");
  const auto print = [&](const std::string& way) {
    fmt::print("{:26}", way.empty() ? "undisturbed" : way);
    for (std::size_t hosting = 0; hosting < kHostings.size(); ++hosting) {
      const Turns& turns = times[hosting][way];
      const double half = median(turns.half);
      const double slowest = median(turns.slowest);
      const double ratio = median(turns.ratio);
      fmt::print("{:>16.0f} {:>8.0f} {:>7.2f}", half, slowest, ratio);
      const LimitHits& met = hits[hosting][way];
      records.add({{"hosting", kHostings[hosting]},
                   {"neighbour", way},
                   {"p50_us", half},
                   {"p99_us", slowest},
                   {"ratio", ratio},
                   {"dropped_console_bytes", met.dropped_console.value},
                   {"refused_connections", met.refused_connections},
                   {"delayed_reads", met.delayed_reads},
                   {"device_slices", met.device_slices}});
    }
    fmt::print("\n");
  };
  print("");
  for (const Way& way : options.ways) {
    print(std::string(way.name));
  }
  return 0;
}

CommandLine declare() {
  CommandLine line({.name = "bench_neighbour",
                    .text =
                        "Measures what a VM's requests take while another VM does its worst, in "
                        "each of several ways, in this process and in workers.",
                    .example = "bench_neighbour --rounds 10 --output neighbour.jsonl"});
  line.option("rounds", "N", "how often each way has its turn", "5");
  line.option("requests", "N", "requests in each turn", "400");
  line.list("ways", "NAME", "only these ways to be a bad neighbour (default: all)");
  line.option("data", "DIR", "directory for the neighbour's disk, objects and snapshots",
              data_directory().string());
  line.option("output", "FILE", "results file, a JSON object per way (default: none)");
  return line;
}

std::vector<Way> chosen_ways(const CommandLine& line) {
  const std::vector<std::string> names = line.texts("ways");
  if (names.empty()) {
    return {kWays.begin(), kWays.end()};
  }
  std::vector<Way> ways;
  for (const std::string& name : names) {
    const auto way = std::ranges::find(kWays, name, &Way::name);
    if (way == kWays.end()) {
      std::vector<std::string_view> known;
      std::ranges::transform(kWays, std::back_inserter(known), &Way::name);
      throw UsageError(
          fmt::format("--ways names \"{}\", expected some of: {}", name, fmt::join(known, ", ")));
    }
    ways.push_back(*way);
  }
  return ways;
}

int run(const CommandLine& line) {
  constexpr std::uint64_t kMost = 1'000'000;
  return run(Options{.rounds = static_cast<unsigned>(line.number("rounds", 1, kMost)),
                     .requests = static_cast<unsigned>(line.number("requests", 1, kMost)),
                     .ways = chosen_ways(line),
                     .directory = std::filesystem::path(line.text("data")) / "neighbour",
                     .output = line.optional_text("output").value_or("")});
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  return faasnap::bench::run_program(argc, argv, faasnap::bench::declare, faasnap::bench::run);
}
