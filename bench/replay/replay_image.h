// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/snapshot.h>

#include <filesystem>
#include <optional>

#include "replay/trace/recording.h"
#include "replay/trace/trace.h"

namespace faasnap::bench {

// A base that a replayed image is a layer over: one that has pages of the image in stretches of
// kBaseStretch aligned pages.
struct ReplayBase {
  // Of a hundred stretches; without any there is no base.
  std::uint64_t percent = 0;
  // False if other guests have brought it into the page cache, as they have a base that many share.
  bool cold = false;
};
inline constexpr std::uint64_t kBaseStretch = 16;

// A snapshot with the memory of a trace and every file that a setting restores from, made by the
// library from `recording`. Removes its directory; `trace` must outlive it.
//
// The groups of a recording by mincore, from which the loading set is made, come from the same
// accesses: their pages with data, in order, 1024 in a group. Nothing maps the image as a guest's
// recording does, so the groups do not contain the kernel's read-ahead.
class ReplayImage {
 public:
  ReplayImage(const std::filesystem::path& directory, const Trace& trace,
              const Recording& recording, const LoadingSetThresholds& thresholds = {},
              const ReplayBase& base = {}, Compression compression = Compression::none);
  ~ReplayImage();
  ReplayImage(const ReplayImage&) = delete;
  ReplayImage& operator=(const ReplayImage&) = delete;

  const Snapshot& snapshot() const noexcept { return *snapshot_; }
  const Trace& trace() const noexcept { return trace_; }

  // Drops the snapshot from the page cache, and a cold base; reads the data of another one. Throws
  // if a page that is to be dropped is still there.
  void make_cold() const;
  // Reads the memory file. Throws unless all of it is in the page cache afterwards.
  void make_cached() const;

 private:
  std::filesystem::path directory_;
  const Trace& trace_;
  const ReplayBase base_;
  std::optional<Snapshot> snapshot_;
};

}  // namespace faasnap::bench
