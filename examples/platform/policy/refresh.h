// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <faasnap/working_set.h>

namespace platform {

// When the recording of one snapshot is made anew with the pages that VMs restored from it have
// missed: when enough of them have missed enough, and each time after twice as many restores as
// before, so that a function that never uses the same pages twice is soon left alone. Counter:
// refreshes_total{result}. For one thread at a time.
class Refresh {
 public:
  // How many restores are looked at, the latest ones, and how many come before the first refresh.
  static constexpr std::size_t kNotes = 8;
  // A page is added if at least this many of them have missed it. What fewer have is their inputs'.
  static constexpr std::size_t kAtLeast = kNotes / 2;
  // A refresh adds at least this many pages, and at least one for so many that are recorded. A miss
  // costs its invocation 0.2 to 0.3 ms (docs/results/performance.md), a refresh some tens of MiB of
  // writes.
  static constexpr std::uint64_t kFewestPages = 16;
  static constexpr std::uint64_t kRecordedForOne = 100;
  // The restores before a refresh are doubled up to this number.
  static constexpr std::size_t kMostRestores = 1024;
  // Pages of one note that count, the earliest: the guest decides how many it misses.
  static constexpr std::size_t kMostPages = 16'384;

  // Takes what a VM has missed up to the end of its first invocation.
  void note(const faasnap::WorkingSet& misses);
  // True if a refresh may add enough, by the numbers of missed pages alone.
  bool due() const;
  // True if adding `added` pages to `recorded` ones pays.
  static bool pays(std::uint64_t added, std::uint64_t recorded);
  // Forgets the notes. The next refresh comes after twice as many restores.
  void begin_anew();

  // What is looked at, for WorkingSet::with_misses.
  const std::vector<faasnap::WorkingSet>& notes() const noexcept { return notes_; }

 private:
  std::vector<faasnap::WorkingSet> notes_;
  std::size_t restores_ = 0;
  std::size_t wanted_restores_ = kNotes;
};

}  // namespace platform
