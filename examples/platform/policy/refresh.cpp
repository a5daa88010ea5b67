// SPDX-License-Identifier: Apache-2.0

#include "policy/refresh.h"

#include <algorithm>

namespace platform {

void Refresh::note(const faasnap::WorkingSet& misses) {
  ++restores_;
  if (notes_.size() == kNotes) {
    notes_.erase(notes_.begin());
  }
  const auto& accesses = misses.accesses();
  if (accesses.size() <= kMostPages) {
    notes_.push_back(misses);
  } else {
    notes_.push_back(faasnap::WorkingSet::from_accesses(
        misses.snapshot_id(), misses.memory(),
        {accesses.begin(), accesses.begin() + static_cast<std::ptrdiff_t>(kMostPages)}));
  }
}

bool Refresh::due() const {
  const auto misses_enough = [](const faasnap::WorkingSet& note) {
    return note.pages() >= kFewestPages;
  };
  return restores_ >= wanted_restores_ &&
         static_cast<std::size_t>(std::ranges::count_if(notes_, misses_enough)) >= kAtLeast;
}

bool Refresh::pays(std::uint64_t added, std::uint64_t recorded) {
  return added >= kFewestPages && added * kRecordedForOne >= recorded;
}

void Refresh::begin_anew() {
  notes_.clear();
  restores_ = 0;
  wanted_restores_ = std::min(2 * wanted_restores_, kMostRestores);
}

}  // namespace platform
