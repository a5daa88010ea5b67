// SPDX-License-Identifier: Apache-2.0

#include "replay/experiment.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "replay/crew.h"
#include "replay/disk_reads.h"

namespace faasnap::bench {
namespace {

// Lets the threads of a prepared memory wait as they would for a later request.
constexpr auto kRest = std::chrono::milliseconds(5);

}  // namespace

ReplayRig::ReplayRig(const Experiment& experiment)
    : experiment_(experiment), expected_(experiment.trace) {
  const unsigned copies = experiment.distinct ? experiment.parallel : 1;
  for (const ReplayWay& way : experiment.ways) {
    Images& images = images_[way.compression];
    while (images.size() < copies) {
      images.push_back(std::make_unique<ReplayImage>(
          experiment.directory / fmt::format("{}-{}-{}", experiment.trace.name,
                                             to_string(way.compression), images.size()),
          experiment.trace, experiment.recording, experiment.thresholds, experiment.base,
          way.compression));
    }
  }
}

Samples ReplayRig::run(const Compute& compute, const Observer& observer) {
  const auto steps = make_steps(experiment_.trace, compute);
  Samples samples;
  for (unsigned round = 0; round < experiment_.repeat; ++round) {
    for (const ReplayWay& way : experiment_.ways) {
      const Sample sample =
          replay(way, steps, round == 0 ? Check::all_pages : Check::touched_pages);
      samples[way].push_back(sample);
      observer(way, round, sample);
    }
  }
  return samples;
}

void ReplayRig::bring_cache_into_state(const ReplayWay& way) const {
  for (const auto& [compression, images] : images_) {
    for (const auto& image : images) {
      image->make_cold();
    }
  }
  if (way.origin == tools::Origin(Setting::cached)) {
    for (const auto& image : images_.at(way.compression)) {
      image->make_cached();
    }
  }
}

Sample ReplayRig::replay(const ReplayWay& way, std::span<const Step> steps, Check check) {
  bring_cache_into_state(way);
  return experiment_.parallel == 1 ? replay_one(way, steps, check) : replay_many(way, steps);
}

Sample ReplayRig::replay_one(const ReplayWay& way, std::span<const Step> steps, Check check) {
  Replica replica(*images_.at(way.compression).front(), way);
  if (way.prepared) {
    std::this_thread::sleep_for(kRest);
  }
  const Bytes before = bytes_read_from_disks();
  replica.serve(steps);
  replica.finish();
  Sample sample;
  sample.total =
      std::chrono::duration<double, std::milli>(replica.ended() - replica.requested()).count();
  sample.read = bytes_read_from_disks() - before;
  replica.add_to(sample);
  replica.check(expected_, check);
  return sample;
}

Sample ReplayRig::replay_many(const ReplayWay& way, std::span<const Step> steps) {
  const Images& of_way = images_.at(way.compression);
  std::vector<const ReplayImage*> images;
  for (unsigned i = 0; i < experiment_.parallel; ++i) {
    images.push_back(of_way[i % of_way.size()].get());
  }
  return Crew(images, way, steps, expected_).run();
}

}  // namespace faasnap::bench
