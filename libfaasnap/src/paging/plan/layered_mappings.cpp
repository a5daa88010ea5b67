// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/layered_mappings.h"

#include <algorithm>
#include <iterator>

#include "memory/page_set.h"
#include "paging/plan/plan_inputs.h"

namespace faasnap::paging {
namespace {

// Maps memory files so that each of `pages` is mapped by a file that shows it: file n shows
// `shown[n]`, and together they show all pages. From the first page that is not mapped on, the file
// is taken that shows the longest run: no other choice needs fewer mappings. Pages that are not
// wanted may come along between those that are.
void map_memory_files(RestorePlan& plan, const memory::PageSet& pages,
                      std::span<const memory::PageSet> shown) {
  const auto& wanted = pages.runs();
  for (std::size_t next = 0; next < wanted.size();) {
    const PageIndex first =
        plan.mappings.empty() || plan.mappings.back().backing != Backing::memory_file
            ? wanted[next].first
            : std::max(wanted[next].first, plan.mappings.back().guest.end());
    PageIndex end = first;
    std::uint32_t layer = 0;
    for (std::uint32_t n = 0; n < shown.size(); ++n) {
      if (const auto run = shown[n].run_of(first); run && run->end() > end) {
        end = run->end();
        layer = n;
      }
    }
    PageIndex last = first;
    while (next < wanted.size() && wanted[next].first < end) {
      last = std::min(wanted[next].end(), end);
      if (end < wanted[next].end()) {
        break;
      }
      ++next;
    }
    plan.mappings.push_back({{first, last - first}, Backing::memory_file, first.offset(), layer});
  }
}

// Returns what each layer's file shows of the image, and what else may be mapped from it: `free`,
// but for the pages that the file has data for.
std::vector<memory::PageSet> shown_by_layer(const PlanInputs& inputs, const memory::PageSet& free) {
  std::vector<memory::PageSet> shown;
  for (const ImageLayer& layer : inputs.layers) {
    shown.push_back(layer.shown.unite(free.minus(layer.stored)));
  }
  if (shown.empty()) {
    shown.push_back(memory::PageSet(inputs.nonzero).unite(free));
  }
  return shown;
}

void map_loading_set(RestorePlan& plan, std::span<const format::StoredPageRun> loading_set) {
  bool first = true;
  for (const auto& region : loading_set) {
    PlannedMapping& last = plan.mappings.back();
    if (!first && last.guest.end() == region.guest.first &&
        last.file_offset + last.guest.size() == region.file_offset) {
      last.guest.count += region.guest.count;
    } else {
      plan.mappings.push_back({region.guest, Backing::loading_set, region.file_offset});
    }
    first = false;
  }
}

}  // namespace

void map_images(RestorePlan& plan, const PlanInputs& inputs) {
  const PageRange whole{{0}, inputs.memory.pages()};
  if (inputs.layers.empty()) {
    plan.mappings.push_back({whole, Backing::memory_file, {}});
    return;
  }
  const memory::PageSet all({whole});
  map_memory_files(plan, all, shown_by_layer(inputs, all.minus(memory::PageSet(inputs.nonzero))));
}

void map_layers(RestorePlan& plan, const PlanInputs& inputs,
                std::span<const format::StoredPageRun> loading_set) {
  const memory::PageSet loading(guest_ranges(loading_set));
  // Loading-set regions are mapped over the memory files later, so these may run through below.
  std::vector<memory::PageSet> shown = shown_by_layer(inputs, {});
  for (memory::PageSet& pages : shown) {
    pages = pages.unite(loading);
  }
  map_memory_files(plan, memory::PageSet(inputs.nonzero).minus(loading), shown);
  map_loading_set(plan, loading_set);
}

void map_pages(RestorePlan& plan, const PlanInputs& inputs, const memory::PageSet& pages) {
  std::vector<memory::PageSet> shown;
  for (const ImageLayer& layer : inputs.layers) {
    shown.push_back(layer.shown.intersect(pages));
  }
  map_memory_files(plan, pages, shown);
}

std::vector<PlannedRead> reads_of_images(const RestorePlan& plan, std::span<const PageRange> runs) {
  std::vector<PlannedMapping> mapped;
  std::ranges::copy_if(
      plan.mappings, std::back_inserter(mapped),
      [](const PlannedMapping& mapping) { return mapping.backing == Backing::memory_file; });
  std::vector<PlannedRead> reads;
  for (const PageRange& run : runs) {
    auto mapping = std::ranges::partition_point(
        mapped, [&](const PlannedMapping& before) { return before.guest.end() <= run.first; });
    for (; mapping != mapped.end() && mapping->guest.first < run.end(); ++mapping) {
      const PageIndex first = std::max(run.first, mapping->guest.first);
      const PageRange part{first, std::min(run.end(), mapping->guest.end()) - first};
      reads.push_back({Backing::memory_file, part.first.offset(), part, mapping->layer});
    }
  }
  return reads;
}

}  // namespace faasnap::paging
