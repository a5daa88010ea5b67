#pragma once

#include <faasnap/units.h>
#include <faasnap/working_set.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace faasnap::bench {

// What one invocation of a function did to guest memory: the memory image that it was restored
// from, without content, and the first touch of every page that it used.
struct Trace {
  // The file's name without its extension, or the generator's name.
  std::string name{};
  std::string function{};
  // What the function was invoked with, JSON.
  std::string input{};
  Bytes memory{};
  // Runs of pages of the image that are not all zero: sorted, disjoint, not empty.
  std::vector<PageRange> nonzero{};
  // In the order in which they happened, each page once, with the times of the machine that
  // recorded them; `zero` says what `nonzero` says.
  std::vector<PageAccess> accesses{};
  // How many times slower that machine is than the one that the trace stands for.
  double dilation = 1;
  // What recording itself adds to the time between two touches, in that machine's time.
  Nanoseconds overhead{0};
};

inline constexpr Bytes kMaximumTraceMemory = 16_GiB;
inline constexpr Nanoseconds kMaximumGap = std::chrono::seconds(60);

// What makes `trace` no trace; nothing when it is one.
std::optional<std::string> defect_of(const Trace& trace);

// One bit for each page of `memory`: whether it lies in any of `ranges`.
std::vector<bool> page_map(Bytes memory, std::span<const PageRange> ranges);

// The compute time before each access, as the machine that the trace stands for would need it:
// (recorded gap - overhead) / dilation, at least 0.
std::vector<Nanoseconds> native_gaps(const Trace& trace);

}  // namespace faasnap::bench
