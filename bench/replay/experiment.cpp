#include "replay/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <barrier>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace faasnap::bench {
namespace {

using Clock = Replica::Clock;
using Replicas = std::vector<std::unique_ptr<Replica>>;

// So that threads of a prepared memory wait as they would for a request that comes later.
constexpr auto kRest = std::chrono::milliseconds(5);

// Bytes that this process has had read from block devices (proc(5), /proc/pid/io).
Bytes bytes_read() {
  std::ifstream file("/proc/self/io");
  std::string key;
  for (std::uint64_t value = 0; file >> key >> value;) {
    if (key == "read_bytes:") {
      return {value};
    }
  }
  throw std::runtime_error("/proc/self/io has no read_bytes");
}

// Lets all of them serve, from the same moment on.
void serve_all(const Replicas& replicas, std::span<const Step> steps) {
  std::barrier ready(static_cast<std::ptrdiff_t>(replicas.size()));
  std::vector<std::jthread> threads;
  for (const auto& replica : replicas) {
    threads.emplace_back([&ready, &replica, steps] {
      ready.arrive_and_wait();
      replica->serve(steps);
    });
  }
}

}  // namespace

ReplayRig::ReplayRig(const Experiment& experiment)
    : experiment_(experiment), expected_(experiment.trace) {
  const unsigned copies = experiment.distinct ? experiment.parallel : 1;
  for (unsigned i = 0; i < copies; ++i) {
    images_.push_back(std::make_unique<ReplayImage>(
        experiment.directory / fmt::format("{}-{}", experiment.trace.name, i), experiment.trace,
        experiment.recording, experiment.thresholds));
  }
}

Samples ReplayRig::run(const Compute& compute, const Observer& observer) {
  const auto steps = make_steps(experiment_.trace, compute);
  // To compare all of many memories would bring all of each into the host's.
  const Check first = experiment_.parallel == 1 ? Check::all_pages : Check::touched_pages;
  Samples samples;
  for (unsigned round = 0; round < experiment_.repeat; ++round) {
    for (const Case& way : experiment_.ways) {
      const Sample sample = replay(way, steps, round == 0 ? first : Check::touched_pages);
      samples[way].push_back(sample);
      observer(way, round, sample);
    }
  }
  return samples;
}

void ReplayRig::bring_cache_into_state(Setting setting) const {
  for (const auto& image : images_) {
    image->make_cold();
  }
  if (setting == Setting::cached) {
    for (const auto& image : images_) {
      image->make_cached();
    }
  }
}

Sample ReplayRig::replay(const Case& way, std::span<const Step> steps, Check check) {
  bring_cache_into_state(way.setting);
  Replicas replicas;
  for (unsigned i = 0; i < experiment_.parallel; ++i) {
    replicas.push_back(std::make_unique<Replica>(*images_[i % images_.size()], way));
  }
  if (way.prepared) {
    std::this_thread::sleep_for(kRest);
  }
  const Bytes before = bytes_read();
  serve_all(replicas, steps);

  Sample sample;
  auto begin = Clock::time_point::max();
  auto end = Clock::time_point::min();
  for (const auto& replica : replicas) {
    replica->finish();
    begin = std::min(begin, replica->requested());
    end = std::max(end, replica->ended());
  }
  sample.total = std::chrono::duration<double, std::milli>(end - begin).count();
  sample.read = bytes_read() - before;
  for (const auto& replica : replicas) {
    replica->add_to(sample);
  }
  for (const auto& replica : replicas) {
    replica->check(expected_, check);
  }
  return sample;
}

}  // namespace faasnap::bench
