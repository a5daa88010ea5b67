#pragma once

#include <faasnap/snapshot.h>

#include <filesystem>
#include <optional>

#include "replay/trace/recording.h"
#include "replay/trace/trace.h"

namespace faasnap::bench {

// A snapshot that has the memory of a trace and, made by the library from `recording`, every file
// that a setting restores from. The directory is removed with it;
// `trace` must outlive it.
//
// The groups of a recording by mincore, from which the loading set comes, are made of the same
// accesses: their pages with data, in order, 1024 to a group; nothing maps the image as a guest's
// recording does, so the kernel's read-ahead is not part of them.
class ReplayImage {
 public:
  ReplayImage(const std::filesystem::path& directory, const Trace& trace,
              const Recording& recording, const LoadingSetThresholds& thresholds = {});
  ~ReplayImage();
  ReplayImage(const ReplayImage&) = delete;
  ReplayImage& operator=(const ReplayImage&) = delete;

  const Snapshot& snapshot() const noexcept { return *snapshot_; }
  const Trace& trace() const noexcept { return trace_; }

  // Drops the snapshot from the page cache and throws unless nothing of it is left there.
  void make_cold() const;
  // Reads the memory file and throws unless all of it is in the page cache then.
  void make_cached() const;

 private:
  std::filesystem::path directory_;
  const Trace& trace_;
  std::optional<Snapshot> snapshot_;
};

}  // namespace faasnap::bench
