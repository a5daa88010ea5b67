// SPDX-License-Identifier: Apache-2.0

#include "replay/replay_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "replay/content.h"
#include "replay/scratch_memory.h"
#include "tools/descriptor.h"

namespace faasnap::bench {
namespace {

// A page that another kernel thread holds is not dropped, and a host that is short of memory
// reclaims clean pages while others are still being read.
constexpr int kTries = 20;

// Makes the base image, and below `directory` / "served" the same image with every recording.
Snapshot make_snapshot(const std::filesystem::path& directory, const Trace& trace,
                       const Recording& recording, const LoadingSetThresholds& thresholds) {
  const ScratchMemory memory(trace.memory);
  fill_image(memory.bytes(), trace.nonzero);
  const Snapshot image = Snapshot::create(directory / "image", memory.bytes());
  const std::string& id = image.info().id;

  const WorkingSet groups(id, trace.memory, groups_of(recording));
  SnapshotOptions options;
  options.thresholds = thresholds;
  options.working_set = &groups;
  const Snapshot with_groups = image.derive(directory / "groups", options);
  const WorkingSet accesses = WorkingSet::from_accesses(id, trace.memory, recording.accesses);
  options.working_set = &accesses;
  return with_groups.derive(directory / "served", options);
}

void read_whole(const std::filesystem::path& file) {
  const tools::Descriptor fd = tools::open_file(file, O_RDONLY);
  std::vector<char> buffer(1 << 20);
  for (ssize_t count = 1; count > 0;) {
    count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0) {
      throw std::system_error(errno, std::generic_category(), "read " + file.string());
    }
  }
}

}  // namespace

ReplayImage::ReplayImage(const std::filesystem::path& directory, const Trace& trace,
                         const Recording& recording, const LoadingSetThresholds& thresholds)
    : directory_(directory), trace_(trace) {
  std::filesystem::create_directories(directory_.parent_path());
  if (!std::filesystem::create_directory(directory_)) {
    throw std::system_error(EEXIST, std::generic_category(), "create " + directory_.string());
  }
  try {
    snapshot_ = make_snapshot(directory_, trace, recording, thresholds);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
    throw;
  }
}

ReplayImage::~ReplayImage() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void ReplayImage::make_cold() const {
  std::uint64_t left = 1;
  for (int i = 0; i < kTries && left != 0; ++i) {
    left = snapshot_->drop_caches();
  }
  if (left != 0) {
    throw std::runtime_error(fmt::format("{}: {} pages are still in the page cache",
                                         snapshot_->directory().string(), left));
  }
}

void ReplayImage::make_cached() const {
  const std::uint64_t pages = snapshot_->info().memory.pages();
  for (int i = 0; i < kTries; ++i) {
    read_whole(snapshot_->directory() / "memory");
    if (snapshot_->cached_pages() >= pages) {
      return;
    }
  }
  throw std::runtime_error(fmt::format("{}: of {} pages only {} are in the page cache",
                                       snapshot_->directory().string(), pages,
                                       snapshot_->cached_pages()));
}

}  // namespace faasnap::bench
