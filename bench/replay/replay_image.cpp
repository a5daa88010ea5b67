// SPDX-License-Identifier: Apache-2.0

#include "replay/replay_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
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

bool has_page(const ReplayBase& base, PageIndex page) {
  return mix(page.value / kBaseStretch) % 100 < base.percent;
}

// Makes a snapshot with the pages of the trace's image that `base` has, and others in the place of
// the rest.
Snapshot make_base(const std::filesystem::path& directory, const ReplayBase& base,
                   const Trace& trace) {
  const ScratchMemory memory(trace.memory);
  fill_image(memory.bytes(), trace.nonzero);
  for (const PageRange& run : trace.nonzero) {
    for (PageIndex page = run.first; page < run.end(); page = page + 1) {
      if (!has_page(base, page)) {
        memory.bytes()[page.offset().value] ^= std::byte{0xff};
      }
    }
  }
  return Snapshot::create(directory, memory.bytes());
}

// Makes the image, and below `directory` / "served" the same image with every recording.
Snapshot make_snapshot(const std::filesystem::path& directory, const Trace& trace,
                       const Recording& recording, const LoadingSetThresholds& thresholds,
                       const ReplayBase& base, Compression compression) {
  const ScratchMemory memory(trace.memory);
  fill_image(memory.bytes(), trace.nonzero);
  SnapshotOptions as_layer;
  std::optional<Snapshot> below;
  if (base.percent != 0) {
    below = make_base(directory / "base", base, trace);
    as_layer.base = &*below;
  }
  const Snapshot image = Snapshot::create(directory / "image", memory.bytes(), as_layer);
  const std::string& id = image.info().id;

  const WorkingSet groups(id, trace.memory, groups_of(recording));
  SnapshotOptions options;
  options.thresholds = thresholds;
  options.compression = compression;
  options.working_set = &groups;
  const Snapshot with_groups = image.derive(directory / "groups", options);
  const WorkingSet accesses = WorkingSet::from_accesses(id, trace.memory, recording.accesses);
  options.working_set = &accesses;
  return with_groups.derive(directory / "served", options);
}

void read_bytes(const tools::Descriptor& fd, const std::filesystem::path& file, off_t from,
                off_t end) {
  std::vector<char> buffer(1 << 20);
  while (from < end) {
    const auto length = std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(end - from));
    const ssize_t count = ::pread(fd.get(), buffer.data(), length, from);
    if (count <= 0) {
      throw std::system_error(count < 0 ? errno : EIO, std::generic_category(),
                              "read " + file.string());
    }
    from += count;
  }
}

void read_whole(const std::filesystem::path& file) {
  read_bytes(tools::open_file(file, O_RDONLY), file, 0,
             static_cast<off_t>(std::filesystem::file_size(file)));
}

// Reads what a file has between its holes.
void read_data(const std::filesystem::path& file) {
  const tools::Descriptor fd = tools::open_file(file, O_RDONLY);
  for (off_t at = 0; (at = ::lseek(fd.get(), at, SEEK_DATA)) >= 0;) {
    const off_t hole = ::lseek(fd.get(), at, SEEK_HOLE);
    read_bytes(fd, file, at, hole);
    at = hole;
  }
}

}  // namespace

ReplayImage::ReplayImage(const std::filesystem::path& directory, const Trace& trace,
                         const Recording& recording, const LoadingSetThresholds& thresholds,
                         const ReplayBase& base, Compression compression)
    : directory_(directory), trace_(trace), base_(base) {
  std::filesystem::create_directories(directory_.parent_path());
  if (!std::filesystem::create_directory(directory_)) {
    throw std::system_error(EEXIST, std::generic_category(), "create " + directory_.string());
  }
  try {
    snapshot_ = make_snapshot(directory_, trace, recording, thresholds, base, compression);
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
  if (const auto base = snapshot_->base(); base && !base_.cold) {
    read_data(base->directory() / "memory");
  }
}

void ReplayImage::make_cached() const {
  const auto base = snapshot_->base();
  if (base) {
    read_data(base->directory() / "memory");
  }
  const std::uint64_t pages =
      snapshot_->info().memory.pages() + (base ? base->info().stored_pages : 0);
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
