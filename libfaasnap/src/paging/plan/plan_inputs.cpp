// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/plan_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "memory/page_set.h"

namespace faasnap::paging {
namespace {

[[noreturn]] void reject_inputs(const std::string& reason) {
  base::fail(ErrorKind::invalid_argument, "plan restore", {}, reason);
}

void check_sorted(std::span<const PageRange> ranges, Bytes memory, std::string_view name) {
  const std::uint64_t pages = memory.pages();
  std::uint64_t end = 0;
  for (const PageRange& range : ranges) {
    if (range.count == 0 || range.first.value > pages || range.count > pages - range.first.value) {
      reject_inputs(fmt::format("{} has {} pages from page {}, expected 1 or more inside {} pages",
                                name, range.count, range.first.value, pages));
    }
    if (range.first.value < end) {
      reject_inputs(fmt::format("{} has page {} twice or out of order", name, range.first.value));
    }
    end = range.end().value;
  }
}

void check_disjoint(std::vector<PageRange> ranges, Bytes memory, std::string_view name) {
  std::ranges::sort(ranges);
  check_sorted(ranges, memory, name);
}

}  // namespace

void check_memory(const PlanInputs& inputs) {
  if (inputs.memory.value == 0 || inputs.memory.value % kPageSize != 0) {
    reject_inputs(fmt::format("guest memory has {} bytes, expected a multiple of {}",
                              inputs.memory.value, kPageSize));
  }
}

void check_nonzero(const PlanInputs& inputs) {
  check_sorted(inputs.nonzero, inputs.memory, "the non-zero map");
  if (inputs.layers.empty()) {
    return;
  }
  std::vector<PageRange> shown;
  for (const ImageLayer& layer : inputs.layers) {
    shown.insert(shown.end(), layer.shown.runs().begin(), layer.shown.runs().end());
    if (const auto lost = layer.shown.minus(layer.stored); !lost.empty()) {
      reject_inputs(fmt::format("a layer shows page {}, which it does not store",
                                lost.runs().front().first.value));
    }
  }
  check_disjoint(shown, inputs.memory, "the layers");
  if (memory::PageSet(std::move(shown)) != memory::PageSet(inputs.nonzero)) {
    reject_inputs("the layers show other pages than the non-zero map has");
  }
}

void check_recorded(const PlanInputs& inputs) {
  std::vector<PageRange> all;
  for (const auto& group : inputs.recorded) {
    check_sorted(group, inputs.memory, "a group of the recording");
    all.insert(all.end(), group.begin(), group.end());
  }
  check_disjoint(std::move(all), inputs.memory, "the recording");
}

void check_regions(std::span<const format::StoredPageRun> regions,
                   std::span<const PageRange> zero_runs, const PlanInputs& inputs,
                   std::string_view name) {
  std::vector<PageRange> zeros(zero_runs.begin(), zero_runs.end());
  std::vector<PageRange> all = guest_ranges(regions);
  all.insert(all.end(), zeros.begin(), zeros.end());
  check_disjoint(std::move(all), inputs.memory, name);
  if (zeros.empty()) {
    return;
  }
  const auto lost = memory::PageSet(std::move(zeros)).intersect(memory::PageSet(inputs.nonzero));
  if (!lost.empty()) {
    reject_inputs(fmt::format("{} has page {} as zero, where the image has data", name,
                              lost.runs().front().first.value));
  }
}

std::uint64_t stream_set_pages(const PlanInputs& inputs) {
  std::uint64_t pages = 0;
  for (const format::StoredPageRun& region : inputs.stream_set) {
    pages += region.guest.count;
  }
  return pages;
}

void check_stream_blocks(const PlanInputs& inputs) {
  const std::uint64_t each = inputs.stream_block_pages;
  const std::uint64_t expected =
      each == 0 ? 0 : format::count_blocks(stream_set_pages(inputs), each);
  if (inputs.stream_blocks.size() != expected) {
    reject_inputs(fmt::format("the stream set has {} blocks of {} pages, expected {}",
                              inputs.stream_blocks.size(), each, expected));
  }
}

std::vector<PageRange> guest_ranges(std::span<const format::StoredPageRun> regions) {
  std::vector<PageRange> ranges;
  ranges.reserve(regions.size());
  for (const auto& region : regions) {
    ranges.push_back(region.guest);
  }
  std::ranges::sort(ranges);
  return ranges;
}

}  // namespace faasnap::paging
