// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "replay/replica.h"

namespace faasnap::bench {

// The traces and ways to replay, and how often.
struct Experiment {
  Trace trace{};
  Recording recording{};
  LoadingSetThresholds thresholds{};
  ReplayBase base{};
  std::vector<ReplayWay> ways{};
  unsigned repeat = 7;
  // Number of memories that are restored and replayed at once, from one snapshot or each from a
  // copy.
  unsigned parallel = 1;
  bool distinct = false;
  // A new directory on a disk, removed at the end.
  std::filesystem::path directory{};
};

// The samples of each way, in the order of the rounds.
using Samples = std::map<ReplayWay, std::vector<Sample>>;

// Called after each replay.
using Observer = std::function<void(const ReplayWay& way, unsigned round, const Sample& sample)>;

// The images of one experiment, which can be run with any amount of compute.
class ReplayRig {
 public:
  // Writes the images.
  explicit ReplayRig(const Experiment& experiment);

  // Runs every way once in each round, each time after proving that the page cache is in the state
  // from which the setting starts. Compares all of guest memory in the first round if a single
  // memory is replayed, otherwise the touched pages. Throws std::runtime_error for a wrong byte,
  // and what restoring throws.
  Samples run(const Compute& compute, const Observer& observer);

 private:
  Sample replay(const ReplayWay& way, std::span<const Step> steps, Check check);
  Sample replay_one(const ReplayWay& way, std::span<const Step> steps, Check check);
  Sample replay_many(const ReplayWay& way, std::span<const Step> steps);
  void bring_cache_into_state(const ReplayWay& way) const;

  const Experiment& experiment_;
  ExpectedMemory expected_;
  using Images = std::vector<std::unique_ptr<ReplayImage>>;
  std::map<Compression, Images> images_;
};

}  // namespace faasnap::bench
