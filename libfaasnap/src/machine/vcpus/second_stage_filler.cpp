// SPDX-License-Identifier: Apache-2.0

#include "machine/vcpus/second_stage_filler.h"

#include <faasnap/error.h>

#include <algorithm>

namespace faasnap::machine {

void SecondStageFiller::enter(memory::GuestAddress address, Bytes size) {
  for (Bytes done; done < size;) {
    const Bytes entered{spare_.pre_fault({address.value + done.value}, (size - done).value)};
    if (entered == Bytes{}) {
      return;  // the kernel is changing the tables here: the guest's own accesses enter the rest
    }
    done += entered;
    pages_ += entered.pages();
  }
}

void SecondStageFiller::enter(PageRange pages) noexcept {
  const std::lock_guard lock(mutex_);
  if (ended_) {
    return;
  }
  try {
    for (const memory::Region& region : memory_.regions()) {
      const Bytes end = region.image_offset + region.size;
      const Bytes from = std::max(pages.first.offset(), region.image_offset);
      const Bytes to = std::min(pages.end().offset(), end);
      if (from < to) {
        enter({region.base.value + (from - region.image_offset).value}, to - from);
      }
    }
  } catch (...) {
    ended_ = true;  // pages() says how far it came
  }
}

}  // namespace faasnap::machine
