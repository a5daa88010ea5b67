// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/units.h>
#include <faasnap/working_set.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace faasnap::bench {

// The memory accesses of one invocation of a function: the memory image that it was restored from,
// without content, and the first touch of every page that it used.
struct Trace {
  // The file's name without its extension, or the generator's name.
  std::string name{};
  std::string function{};
  // The input of the invocation, JSON.
  std::string input{};
  Bytes memory{};
  // Runs of non-zero pages of the image: sorted, disjoint, not empty.
  std::vector<PageRange> nonzero{};
  // In order of time, each page once, with times of the machine that recorded them; `zero` agrees
  // with `nonzero`.
  std::vector<PageAccess> accesses{};
  // How many times slower that machine is than the one that the trace stands for.
  double dilation = 1;
  // The time that recording adds between two touches, on that machine.
  Nanoseconds overhead{0};
};

inline constexpr Bytes kMaximumTraceMemory = 16_GiB;
inline constexpr Nanoseconds kMaximumGap = std::chrono::seconds(60);

// Returns why `trace` is invalid, or nothing.
std::optional<std::string> defect_of(const Trace& trace);

// Returns one bit for each page of `memory`: true if it lies in any of `ranges`.
std::vector<bool> page_map(Bytes memory, std::span<const PageRange> ranges);

// Returns the compute time before each access on the machine that the trace stands for: (recorded
// gap - overhead) / dilation, at least 0.
std::vector<Nanoseconds> native_gaps(const Trace& trace);

}  // namespace faasnap::bench
