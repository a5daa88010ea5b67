#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "guests/experiment.h"
#include "guests/inputs.h"

namespace faasnap::bench {

// An experiment in which every function is recorded with its first declared input and invoked with
// its second, `repeat` times each way.
struct ChangedInput {
  // In the results, and for messages.
  std::string name{};
  std::string program{};
  std::vector<std::string> functions{};
  // The first is what the others are compared with.
  std::vector<Way> ways{};
  unsigned repeat = 1;
  InputSize size = InputSize::quick;
  // Where snapshots go.
  std::filesystem::path data{};
  // The results, and a page of them; no page if empty.
  std::filesystem::path output{};
  std::filesystem::path report{};
};

// Measures what the results lack and prints the table. The program's exit status: 1 when an
// invocation failed.
int measure(const ChangedInput& experiment);

}  // namespace faasnap::bench
