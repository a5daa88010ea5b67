// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <faasnap/snapshot.h>

#include "base/files/mapping.h"
#include "support/support.h"

namespace faasnap::test {

// The memory of a guest as it goes on, of which a snapshot is made now and then: each a layer over
// the one before, or a whole one.
class ChangingMemory {
 public:
  ChangingMemory(Bytes size, std::uint32_t seed)
      : memory_(base::Mapping::anonymous(size)), random_(seed) {
    change(0.4);
  }

  std::span<const std::byte> bytes() const { return memory_.bytes(); }

  // Writes about `part` of the pages: new content, that of another page, or zeros.
  void change(double part) {
    const std::uint64_t pages = memory_.size().pages();
    for (std::uint64_t page = 0; page < pages;) {
      const std::uint64_t count = std::min<std::uint64_t>(1 + random_() % 30, pages - page);
      if (std::uniform_real_distribution<>(0, 1)(random_) < part) {
        const unsigned kind = random_() % 4;
        for (std::uint64_t i = page; i < page + count; ++i) {
          std::byte* const target = memory_.data() + i * kPageSize;
          std::memset(target, kind == 0 ? 0 : static_cast<int>(random_() % 255 + 1), kPageSize);
          if (kind > 1) {
            const std::uint64_t word = random_();
            std::memcpy(target + 8 * (random_() % 500), &word, sizeof(word));
          }
        }
      }
      page += count;
    }
  }

  // Touches some pages, as a recording has them.
  std::vector<PageAccess> touches() {
    std::vector<std::uint64_t> pages(memory_.size().pages());
    for (std::uint64_t i = 0; i < pages.size(); ++i) {
      pages[i] = i;
    }
    std::shuffle(pages.begin(), pages.end(), random_);
    pages.resize(pages.size() / 5);
    std::vector<PageAccess> accesses;
    for (const std::uint64_t page : pages) {
      accesses.push_back({{page}, Nanoseconds(accesses.size()), page % 2 == 0, false});
    }
    return accesses;
  }

 private:
  base::Mapping memory_;
  std::mt19937 random_;
};

// A stack of `depth` layers in one directory, whose last has the content of `memory` and every set.
struct LayerStack {
  ScratchDirectory scratch;
  ChangingMemory memory;
  std::vector<Snapshot> layers;  // the lowest first

  LayerStack(unsigned depth, Bytes size, std::uint32_t seed = 1) : memory(size, seed) {
    for (unsigned i = 0; i < depth; ++i) {
      if (i > 0) {
        memory.change(0.2);
      }
      SnapshotOptions options;
      options.base = layers.empty() ? nullptr : &layers.back();
      layers.push_back(Snapshot::create(scratch.path() / ("layer" + std::to_string(i)),
                                        memory.bytes(), options));
    }
  }
  const Snapshot& top() const { return layers.back(); }
  // Adds the sets of a recording to the last layer.
  Snapshot recorded() {
    const WorkingSet touched =
        WorkingSet::from_accesses(top().info().id, top().info().memory, memory.touches());
    return top().derive(scratch.path() / "recorded", {.working_set = &touched});
  }
};

}  // namespace faasnap::test
