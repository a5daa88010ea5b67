// SPDX-License-Identifier: Apache-2.0

#include "replay/trace/trace.h"

#include <fmt/format.h>

#include <algorithm>

namespace faasnap::bench {
namespace {

std::optional<std::string> defect_of_map(const Trace& trace) {
  PageIndex end;
  for (const PageRange& run : trace.nonzero) {
    if (run.count == 0 || run.first < end || run.first.value > trace.memory.pages() ||
        run.count > trace.memory.pages() - run.first.value) {
      return fmt::format(
          "the run of {} non-zero pages at page {} is empty, out of order or beyond memory",
          run.count, run.first.value);
    }
    end = run.end();
  }
  return std::nullopt;
}

std::optional<std::string> defect_of_accesses(const Trace& trace) {
  const auto nonzero = page_map(trace.memory, trace.nonzero);
  std::vector<bool> touched(nonzero.size());
  Nanoseconds last{0};
  for (const PageAccess& access : trace.accesses) {
    const std::uint64_t page = access.page.value;
    if (page >= touched.size()) {
      return fmt::format("page {} lies beyond memory", page);
    }
    if (touched[page]) {
      return fmt::format("page {} has two first touches", page);
    }
    touched[page] = true;
    if (access.zero == nonzero[page]) {
      return fmt::format("page {} is marked {}, but is not so in the image", page,
                         access.zero ? "zero" : "non-zero");
    }
    if (access.time < last || access.time - last > kMaximumGap) {
      return fmt::format("the time of page {} is before that of the page before, or {} s after it",
                         page, std::chrono::seconds(kMaximumGap / std::chrono::seconds(1)).count());
    }
    last = access.time;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> defect_of(const Trace& trace) {
  if (trace.memory.value == 0 || trace.memory.value % kPageSize != 0 ||
      trace.memory > kMaximumTraceMemory) {
    return fmt::format("memory size is {} bytes, expected a whole number of pages within the limit",
                       trace.memory.value);
  }
  if (!(trace.dilation >= 0.001 && trace.dilation <= 1e6)) {
    return fmt::format("dilation {} is out of range", trace.dilation);
  }
  if (trace.overhead < Nanoseconds(0) || trace.overhead > kMaximumGap) {
    return fmt::format("overhead {} ns is out of range", trace.overhead.count());
  }
  if (auto defect = defect_of_map(trace)) {
    return defect;
  }
  return defect_of_accesses(trace);
}

std::vector<bool> page_map(Bytes memory, std::span<const PageRange> ranges) {
  std::vector<bool> map(memory.pages());
  for (const PageRange& range : ranges) {
    const auto first = map.begin() + static_cast<std::ptrdiff_t>(range.first.value);
    std::fill(first, first + static_cast<std::ptrdiff_t>(range.count), true);
  }
  return map;
}

std::vector<Nanoseconds> native_gaps(const Trace& trace) {
  std::vector<Nanoseconds> gaps;
  gaps.reserve(trace.accesses.size());
  Nanoseconds last{0};
  for (const PageAccess& access : trace.accesses) {
    const auto compute = std::max(Nanoseconds(0), access.time - last - trace.overhead);
    gaps.emplace_back(
        static_cast<std::int64_t>(static_cast<double>(compute.count()) / trace.dilation));
    last = access.time;
  }
  return gaps;
}

}  // namespace faasnap::bench
