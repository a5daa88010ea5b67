// SPDX-License-Identifier: Apache-2.0

// What a process of its own costs a VM: the time of a restore until it returns and until the
// guest's first instruction, and the memory of the process, in this process, in a worker, and in a
// worker that waited. The ways take turns.

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/worker_pool.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "harness/statistics.h"

namespace faasnap::bench {
namespace {

constexpr std::array kWays = {"in process", "worker", "waiting worker"};
constexpr std::chrono::seconds kPatience(10);

// Returns a number of /proc/PID/smaps_rollup, in bytes.
std::uint64_t rollup(const std::string& process, const std::string& field) {
  std::ifstream file("/proc/" + process + "/smaps_rollup");
  std::string word;
  std::uint64_t kibibytes = 0;
  while (file >> word) {
    if (word == field && file >> kibibytes) {
      break;
    }
  }
  return kibibytes << 10;
}

struct Samples {
  std::vector<double> returned;  // milliseconds
  std::vector<double> first;
  std::vector<double> memory;  // of the worker beside guest memory, KiB
};

double milliseconds(Nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }

void measure(const Snapshot& snapshot, RestoreOptions options, Samples& samples) {
  VM vm = VM::restore(snapshot, options);
  RestoreStats stats = vm.stats().restore;
  const auto begun = std::chrono::steady_clock::now();
  while (stats.first_instruction == Nanoseconds(0) &&
         std::chrono::steady_clock::now() - begun < kPatience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stats = vm.stats().restore;
  }
  samples.returned.push_back(milliseconds(stats.total));
  samples.first.push_back(milliseconds(stats.first_instruction));
  if (const auto worker = vm.worker()) {
    vm.pause();
    const std::uint64_t guest = vm.memory_usage().proportional.value;
    const std::uint64_t all = rollup(std::to_string(worker->process), "Pss:");
    samples.memory.push_back(static_cast<double>(all > guest ? all - guest : 0) / 1024);
  }
}

int run(const std::string& directory, int repeat) {
  const Snapshot snapshot = Snapshot::open(directory);
  const auto pool = std::make_shared<WorkerPool>(WorkerOptions{}, 1);
  std::array<Samples, kWays.size()> samples;
  for (int i = 0; i < repeat; ++i) {
    RestoreOptions options{.image_directories = {"/"}};
    measure(snapshot, options, samples[0]);
    options.worker = WorkerOptions{};
    measure(snapshot, options, samples[1]);
    options.worker->pool = pool;
    pool->wait_full();
    measure(snapshot, options, samples[2]);
  }
  fmt::print("{} restores each, medians (10th to 90th percentile)\n", repeat);
  fmt::print("{:16} {:>26} {:>26} {:>22}\n", "", "restore returns, ms", "first instruction, ms",
             "beside guest, KiB PSS");
  for (std::size_t i = 0; i < kWays.size(); ++i) {
    const auto cell = [](const std::vector<double>& values, const char* form) {
      return values.empty() ? std::string("-")
                            : fmt::format(fmt::runtime(form), median(values), quantile(values, 0.1),
                                          quantile(values, 0.9));
    };
    fmt::print("{:16} {:>26} {:>26} {:>22}\n", kWays[i],
               cell(samples[i].returned, "{:.2f} ({:.2f} to {:.2f})"),
               cell(samples[i].first, "{:.2f} ({:.2f} to {:.2f})"),
               cell(samples[i].memory, "{:.0f} ({:.0f} to {:.0f})"));
  }
  return 0;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fputs("usage: bench_worker_cost SNAPSHOT [REPEAT]\n", stderr);
    return 2;
  }
  try {
    return faasnap::bench::run(argv[1], argc == 3 ? std::atoi(argv[2]) : 20);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_worker_cost: {}\n", error.what());
    return 1;
  }
}
