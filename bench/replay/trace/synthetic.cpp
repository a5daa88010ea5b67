// SPDX-License-Identifier: Apache-2.0

#include "replay/trace/synthetic.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

#include "replay/trace/random.h"

namespace faasnap::bench {
namespace {

using Lengths = std::vector<std::uint64_t>;

// Returns `total` as a sum of `parts` positive numbers, every such sum equally likely.
Lengths split(std::uint64_t total, std::uint64_t parts, Random& random) {
  if (parts == 0 || total < parts) {
    throw std::invalid_argument("a synthetic trace has more runs than pages");
  }
  std::set<std::uint64_t> cuts{total};
  while (cuts.size() < parts) {
    cuts.insert(1 + random.below(total));
  }
  Lengths lengths;
  std::uint64_t last = 0;
  for (const std::uint64_t cut : cuts) {
    lengths.push_back(cut - last);
    last = cut;
  }
  return lengths;
}

// Returns non-zero runs with zero pages before, between and after them.
std::vector<PageRange> make_map(const SyntheticShape& shape, Random& random) {
  if (shape.pages < shape.nonzero_pages) {
    throw std::invalid_argument("a synthetic trace has more non-zero pages than memory");
  }
  const Lengths runs = split(shape.nonzero_pages, shape.nonzero_runs, random);
  const Lengths gaps = split(shape.pages - shape.nonzero_pages, shape.nonzero_runs + 1, random);
  std::vector<PageRange> map;
  std::uint64_t next = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    map.push_back({{next + gaps[i]}, runs[i]});
    next = map.back().end().value;
  }
  return map;
}

// The touched runs of one region, relative to its start.
using Region = std::vector<PageRange>;

std::uint64_t span_of(const Region& region) { return region.back().end().value; }

// Returns the regions, not placed yet.
std::vector<Region> make_regions(const SyntheticShape& shape, Random& random) {
  const Lengths runs = split(shape.touched_pages, shape.touched_runs, random);
  const Lengths runs_of_region = split(shape.touched_runs, shape.regions, random);
  Lengths gaps = split(shape.inner_gap_pages, shape.touched_runs - shape.regions, random);
  if (*std::max_element(gaps.begin(), gaps.end()) >= shape.merge_gap) {
    throw std::invalid_argument("a synthetic trace has gaps as large as the merge gap");
  }
  std::vector<Region> regions;
  auto run = runs.begin();
  auto gap = gaps.begin();
  for (const std::uint64_t count : runs_of_region) {
    Region region;
    region.push_back({{0}, *run++});
    while (region.size() < count) {
      region.push_back({region.back().end() + *gap++, *run++});
    }
    regions.push_back(std::move(region));
  }
  return regions;
}

// The ranges placed so far, none nearer to another than `distance`.
class Places {
 public:
  explicit Places(std::uint64_t distance) : distance_(distance) {}

  bool take(PageRange range) {
    const auto after = taken_.lower_bound(range.first.value);
    if (after != taken_.end() && after->first < range.end().value + distance_) {
      return false;
    }
    if (after != taken_.begin() && std::prev(after)->second + distance_ > range.first.value) {
      return false;
    }
    taken_.emplace(range.first.value, range.end().value);
    return true;
  }

 private:
  std::uint64_t distance_;
  std::map<std::uint64_t, std::uint64_t> taken_;  // first page, end
};

// Returns a place for `length` pages inside one of `holes`.
PageIndex place(std::uint64_t length, const std::vector<PageRange>& holes, Places& places,
                Random& random) {
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const PageRange& hole = holes[random.below(holes.size())];
    if (hole.count >= length) {
      const PageRange range{hole.first + random.below(hole.count - length + 1), length};
      if (places.take(range)) {
        return range.first;
      }
    }
  }
  throw std::invalid_argument("a synthetic trace is too crowded");
}

std::vector<PageRange> complement(const std::vector<PageRange>& map, std::uint64_t pages) {
  std::vector<PageRange> holes;
  PageIndex end;
  for (const PageRange& run : map) {
    if (run.first > end) {
      holes.push_back({end, run.first - end});
    }
    end = run.end();
  }
  if (end.value < pages) {
    holes.push_back({end, pages - end.value});
  }
  return holes;
}

// A run of pages that are touched one after the other.
struct Touch {
  PageRange pages{};
  bool write = false;
  bool zero = false;
};

// Returns the touches of pages with data: regions in any order, their runs by address.
std::vector<Touch> touch_data(const SyntheticShape& shape, const Trace& trace, Random& random) {
  std::vector<Region> regions = make_regions(shape, random);
  // Long regions are placed first, while there is room.
  std::stable_sort(regions.begin(), regions.end(),
                   [](const Region& a, const Region& b) { return span_of(a) > span_of(b); });
  Places places(shape.merge_gap);
  for (Region& region : regions) {
    const PageIndex base = place(span_of(region), trace.nonzero, places, random);
    for (PageRange& run : region) {
      run.first = base + run.first.value;
    }
  }
  random.shuffle(regions);
  std::vector<Touch> touches;
  for (const Region& region : regions) {
    for (const PageRange& run : region) {
      touches.push_back({run, false, false});
    }
  }
  return touches;
}

std::vector<Touch> touch_zeros(const SyntheticShape& shape, const Trace& trace, Random& random) {
  const auto holes = complement(trace.nonzero, shape.pages);
  Lengths lengths = split(shape.zero_pages, shape.zero_runs, random);
  std::sort(lengths.rbegin(), lengths.rend());
  Places places(0);
  std::vector<Touch> touches;
  for (const std::uint64_t length : lengths) {
    touches.push_back({{place(length, holes, places, random), length}, true, true});
  }
  random.shuffle(touches);
  return touches;
}

}  // namespace

Trace make_synthetic_trace(const SyntheticShape& shape) {
  Random random(shape.seed);
  Trace trace;
  trace.name = trace.function = "synthetic";
  trace.input = "{}";
  trace.memory = PageIndex{shape.pages}.offset();
  trace.nonzero = make_map(shape, random);
  const auto data = touch_data(shape, trace, random);
  const auto zeros = touch_zeros(shape, trace, random);
  auto next_data = data.begin();
  auto next_zero = zeros.begin();
  while (next_data != data.end() || next_zero != zeros.end()) {
    const auto data_left = static_cast<std::uint64_t>(data.end() - next_data);
    const auto zeros_left = static_cast<std::uint64_t>(zeros.end() - next_zero);
    const Touch& touch =
        random.below(data_left + zeros_left) < data_left ? *next_data++ : *next_zero++;
    for (std::uint64_t i = 0; i < touch.pages.count; ++i) {
      trace.accesses.push_back({touch.pages.first + i, Nanoseconds(0), touch.write, touch.zero});
    }
  }
  return trace;
}

}  // namespace faasnap::bench
