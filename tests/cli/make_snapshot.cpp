// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <exception>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/working_set.h>

// Writes snapshots of made-up memory for the command's tests:
// make_snapshot BARE WHOLE [NOTES [COMPRESSED]].
// Of 64 pages 8 to 15 and 40 have data; WHOLE has both recordings, BARE none, and COMPRESSED is
// WHOLE with a compressed stream set. NOTES, a directory that exists, gets notes of misses: two of
// WHOLE, which have page 12, one of them page 14, too, and one of another snapshot.
namespace {

using namespace faasnap;

constexpr std::uint64_t kPages = 64;

void fill(std::span<std::byte> memory, PageRange pages) {
  for (std::uint64_t at = pages.first.offset().value; at < pages.end().offset().value; ++at) {
    memory[at] = static_cast<std::byte>(1 + at / kPageSize);
  }
}

void note_misses(const std::filesystem::path& notes, const SnapshotInfo& info) {
  const auto note = [&](const std::string& name, const std::string& id,
                        std::vector<PageAccess> missed) {
    WorkingSet::from_accesses(id, info.memory, std::move(missed)).save(notes / name);
  };
  note("1.misses", info.id, {{{12}, Nanoseconds(6)}, {{14}, Nanoseconds(8)}});
  note("2.misses", info.id, {{{12}, Nanoseconds(4)}});
  note("3.misses", "other", {{{13}, Nanoseconds(4)}});
}

Snapshot make(const std::filesystem::path& bare, const std::filesystem::path& whole) {
  std::vector<std::byte> memory(kPages * kPageSize);
  fill(memory, {{8}, 8});
  fill(memory, {{40}, 1});
  const Snapshot snapshot = Snapshot::create(bare, memory, {.labels = {{"function", "none"}}});
  const Bytes size = snapshot.info().memory;
  const WorkingSet recorded("earlier", size, {{{{8}, 4}}, {{{38}, 4}}});
  auto middle = whole;
  middle += ".middle";
  const Snapshot first = snapshot.derive(middle, {.working_set = &recorded});
  const WorkingSet touched = WorkingSet::from_accesses(snapshot.info().id, size,
                                                       {{{40}, Nanoseconds(5), true, false},
                                                        {{9}, Nanoseconds(7)},
                                                        {{20}, Nanoseconds(9), true, true}});
  Snapshot made = first.derive(whole, {.working_set = &touched});
  Snapshot::remove(middle);
  return made;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) {
    std::cerr << "usage: make_snapshot BARE WHOLE [NOTES [COMPRESSED]]\n";
    return 2;
  }
  try {
    const Snapshot whole = make(argv[1], argv[2]);
    if (argc > 3) {
      note_misses(argv[3], whole.info());
    }
    if (argc > 4) {
      whole.derive(argv[4], {.compression = Compression::lz4});
    }
  } catch (const std::exception& error) {
    std::cerr << "make_snapshot: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
