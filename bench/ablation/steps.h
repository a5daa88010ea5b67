#pragma once

#include <vector>

#include "replay/replica.h"

namespace faasnap::bench {

// One step from the plain restore to the fastest (FaaSnap, section 6.5, and beyond).
struct AblationStep {
  // What it adds to the step before.
  const char* adds;
  Case way;
};

// In order; the last is the floor, where nothing is left to restore.
const std::vector<AblationStep>& ablation_steps();

}  // namespace faasnap::bench
