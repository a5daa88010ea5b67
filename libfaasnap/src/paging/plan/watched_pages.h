// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/units.h>

#include "memory/image_map.h"
#include "memory/page_set.h"

namespace faasnap::paging {

// Length of the shortest gap of zero pages that is left to the kernel: a huge page.
inline constexpr std::uint64_t kUnwatchedGap = 512;

// What the fault handler of a plan with HandledFaults answers, and with what.
struct HandledPages {
  // The pages that a memory file has data for, and those of them that a base's has.
  memory::PageSet nonzero;
  memory::ImageMap based;
  // The pages whose faults the handler must answer: all that have data or are read and are not
  // mapped, and the gaps of zero pages between them. Gaps of kUnwatchedGap pages and more are left
  // to the kernel, which answers a fault there thirty times as fast; shorter ones are not worth a
  // memory area each.
  memory::PageSet watched;
  // The zero pages among the watched ones that the plan does not install: what a guest has free
  // between what it uses. None where a fault is answered singly.
  memory::PageSet unforeseen_zeros;
  // True if the handler watches all pages and answers each fault by itself: to record it, or
  // because the setting (REAP) is published so.
  bool singly = false;
};

// `plan` must be a plan with HandledFaults, for a guest of `memory`. Pure.
HandledPages handled_pages(const RestorePlan& plan, Bytes memory);

// Zero pages to install, in a row: all of them watched, or none.
struct ZeroStretch {
  PageRange pages;
  bool watched = false;
};

// Cuts zero pages, in their order, into stretches of at most `longest` pages. Pure.
std::vector<ZeroStretch> cut_zeros(std::span<const PageRange> zeros, const memory::PageSet& watched,
                                   std::uint64_t longest);

}  // namespace faasnap::paging
