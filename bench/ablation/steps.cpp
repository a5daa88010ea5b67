#include "ablation/steps.h"

namespace faasnap::bench {

const std::vector<AblationStep>& ablation_steps() {
  static const std::vector<AblationStep> steps{
      {"nothing: the memory file mapped", {Setting::lazy, false}},
      {"recorded pages read meanwhile", {Setting::concurrent, false}},
      {"anonymous memory for zero pages", {Setting::per_region, false}},
      {"a compact file of them", {Setting::faasnap, false}},
      {"prepared, with its zero pages", {Setting::faasnap, true}},
      {"pages installed and not mapped", {Setting::stream, false}},
      {"preparation before the request", {Setting::stream, true}},
      {"the floor: all pages present", {Setting::warm, true}},
  };
  return steps;
}

}  // namespace faasnap::bench
