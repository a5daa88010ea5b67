// SPDX-License-Identifier: Apache-2.0

#include "run/miss_notes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::string_view kMissNote = ".misses";

std::vector<std::filesystem::path> miss_notes_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> notes;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == kMissNote) {
      notes.push_back(entry.path());
    }
  }
  std::ranges::sort(notes);
  return notes;
}

}  // namespace

bool add_miss_note(const std::filesystem::path& directory, const WorkingSet& missed) {
  std::filesystem::create_directories(directory);
  if (miss_notes_in(directory).size() >= kMostMissNotes) {
    return false;
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const auto name = fmt::format("{:020}-{}", now, ::getpid());
  const auto partial = directory / ("." + name);
  missed.save(partial);
  std::filesystem::rename(partial, directory / (name + std::string(kMissNote)));
  return true;
}

MissNotes read_miss_notes(const std::filesystem::path& directory, const std::string& snapshot_id) {
  if (!std::filesystem::is_directory(directory)) {
    throw tools::Failure(
        fmt::format("{}: not found, expected a directory of notes (faasnap invoke --note-misses)",
                    directory.string()));
  }
  MissNotes notes;
  for (const auto& file : miss_notes_in(directory)) {
    WorkingSet set = WorkingSet::load(file);
    if (set.snapshot_id() == snapshot_id) {
      notes.sets.push_back(std::move(set));
    } else {
      ++notes.of_others;
    }
  }
  return notes;
}

}  // namespace faasnap::cli
