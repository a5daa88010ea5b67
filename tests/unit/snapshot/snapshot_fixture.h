// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/working_set.h>

#include "base/files/file.h"
#include "base/files/mapping.h"
#include "format/state_file.h"
#include "memory/page_scan.h"
#include "snapshot/snapshot_writer.h"
#include "support/support.h"

namespace faasnap::test {

// Stands for a paused VM: memory with a few runs of data in it, two sections of state, and a
// working set recorded over it. `seed` changes every byte but no length.
class SyntheticGuest {
 public:
  static constexpr std::uint64_t kPages = 1024;
  // Data in three chunks of the image; the run at 250 crosses from the first chunk into the second.
  static constexpr PageRange kData[] = {{{3}, 2}, {{250}, 10}, {{400}, 1}, {{900}, 4}};

  explicit SyntheticGuest(std::uint8_t seed = 1)
      : seed_(seed), memory_(base::Mapping::anonymous({kPages * kPageSize})) {
    for (const PageRange& range : kData) {
      for (PageIndex page = range.first; page < range.end(); page = page + 1) {
        std::ranges::fill(page_bytes(page), static_cast<std::byte>(page.value * 7 + seed));
      }
    }
    sections_ = {{"vcpu0", 3, std::vector<std::byte>(100, std::byte{seed})},
                 {"devices", 1, std::vector<std::byte>(40, std::byte{seed})}};
  }

  std::span<std::byte> page_bytes(PageIndex page) const {
    return memory_.bytes().subspan(page.offset().value, kPageSize);
  }
  std::span<std::byte> memory() const { return memory_.bytes(); }

  // The groups hold recorded pages of zeros (500) as well.
  WorkingSet working_set() const {
    return {"recorded-from-" + std::to_string(seed_),
            memory_.size(),
            {{{{250}, 5}, {{500}, 3}}, {{{3}, 2}, {{255}, 2}}, {{{900}, 2}}}};
  }

  // First touches as a fault handler records them: data, and two pages of zeros (501, 502).
  static std::vector<PageAccess> accesses() {
    std::vector<PageAccess> accesses;
    for (const std::uint64_t page : {901, 250, 251, 501, 4, 400, 502, 3}) {
      const bool zero = page == 501 || page == 502;
      accesses.push_back(
          {{page}, Nanoseconds(1000 * (1 + accesses.size())), zero || page == 4, zero});
    }
    return accesses;
  }
  static WorkingSet touched_set(const std::string& id) {
    return WorkingSet::from_accesses(id, {kPages * kPageSize}, accesses());
  }

  // Saves a snapshot that has every optional file.
  Snapshot save_whole(const std::filesystem::path& path) const {
    auto base = path;
    base += ".base";
    const Snapshot recorded = save(base);
    const WorkingSet touched = touched_set(recorded.info().id);
    Snapshot whole = recorded.derive(path, {.working_set = &touched});
    Snapshot::remove(base);
    return whole;
  }

  Snapshot save(const std::filesystem::path& path, bool with_working_set = true,
                const Progress& progress = {}) const {
    const auto candidates = memory::touched_pages(memory());
    const WorkingSet recorded = working_set();
    SnapshotContents contents;
    contents.capture = capture_bytes(memory(), candidates, sections_);
    contents.memory = {memory().size()};
    contents.vcpus = 2;
    contents.labels = {{"function", "json"}};
    contents.working_set = with_working_set ? &recorded : nullptr;
    return create_snapshot(path, contents, progress);
  }

 private:
  int seed_;
  base::Mapping memory_;
  std::vector<format::Section> sections_;
};

inline std::vector<std::byte> read_all(const std::filesystem::path& file) {
  return base::read_file(file, {64ULL << 20});
}

// Replaces the file's content by `bytes`.
inline void replace_content(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  const auto fd = base::open_file(file, O_WRONLY | O_CREAT | O_TRUNC);
  base::write_exact(fd, bytes, 0, file);
}

}  // namespace faasnap::test
