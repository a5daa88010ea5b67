// SPDX-License-Identifier: Apache-2.0

#include "snapshot/snapshot_sets.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files/file.h"
#include "format/frame.h"
#include "format/page_set_file.h"
#include "format/working_set_file.h"
#include "paging/plan/installed_sets.h"
#include "paging/plan/loading_set.h"

namespace faasnap {
namespace {

class SetWriter {
 public:
  SetWriter(const format::NewSnapshotDirectory& directory, const SetSources& sources,
            format::Manifest& manifest, const Progress& progress)
      : directory_(directory), sources_(sources), manifest_(manifest), progress_(progress) {}

  void write() {
    if (sources_.recorded != nullptr) {
      manifest_.working_set = write_recording(format::kWorkingSetFile, *sources_.recorded);
      manifest_.info.working_set_pages = sources_.recorded->pages();
    }
    if (sources_.touched != nullptr) {
      manifest_.touched_set = write_recording(format::kTouchedSetFile, *sources_.touched);
      manifest_.info.touched_pages = sources_.touched->pages();
      write_reap_set(sources_.touched->accesses());
      write_stream_set(sources_.touched->accesses());
    }
    if (const auto* recording = sources_.recorded ? sources_.recorded : sources_.touched) {
      write_page_set(recording->groups());
    }
  }

  void write_stream_set(std::span<const PageAccess> accesses) {
    const auto set =
        paging::plan_stream_set(accesses, sources_.nonzero.runs(), paging::kStreamGroupPages,
                                paging::kStreamGapPages, paging::mappable(sources_.based));
    const auto table =
        write_set(format::kStreamSetFile, set.regions, set.zero_runs, kExact, sources_.compression);
    manifest_.stream_set = {table.file_size, table.checksum};
    manifest_.info.stream_set_pages = table.pages();
    manifest_.info.stream_set_zero_pages = table.zero_pages();
  }

 private:
  format::FileRecord write_recording(std::string_view name, const WorkingSet& set) {
    const auto bytes = set.encode();
    base::write_new_file(directory_.path_of(name), bytes);
    return {{bytes.size()}, format::frame_checksum(bytes)};
  }

  void write_page_set(std::span<const WorkingSet::Group> groups) {
    const auto regions =
        paging::plan_loading_set(groups, sources_.nonzero.runs(), manifest_.info.thresholds);
    const auto table = write_set(format::kLoadingSetFile, regions, {}, manifest_.info.thresholds);
    manifest_.loading_set = {table.file_size, table.checksum};
    manifest_.info.loading_set_regions = table.regions.size();
    manifest_.info.loading_set_pages = table.pages();
  }

  void write_reap_set(std::span<const PageAccess> accesses) {
    const auto table = write_set(format::kReapSetFile, paging::plan_reap_set(accesses), {}, kExact);
    manifest_.reap_set = {table.file_size, table.checksum};
  }

  format::PageSetTable write_set(std::string_view name, std::span<const format::PageRun> regions,
                                 std::span<const PageRange> zero_runs,
                                 const LoadingSetThresholds& thresholds,
                                 Compression compression = Compression::none) {
    const base::UniqueFd file = directory_.create(name);
    const auto& info = manifest_.info;
    return format::write_page_set(file, directory_.path_of(name),
                                  {info.id, info.memory, thresholds, regions, zero_runs,
                                   compression == Compression::lz4 ? format::kBlockPages : 0},
                                  sources_.image, progress_);
  }

  // Merges nothing and leaves nothing out.
  static constexpr LoadingSetThresholds kExact{.merge_gap_pages = 0, .minimum_pages = 0};

  const format::NewSnapshotDirectory& directory_;
  const SetSources& sources_;
  format::Manifest& manifest_;
  const Progress& progress_;
};

}  // namespace

void check_recording(const WorkingSet& recording, Bytes memory, const std::filesystem::path& path) {
  if (recording.memory() != memory) {
    base::fail(ErrorKind::invalid_argument, "create snapshot", path,
               fmt::format("the working set's guest has {} bytes of memory, expected {}",
                           recording.memory().value, memory.value));
  }
}

void write_sets(const format::NewSnapshotDirectory& directory, const SetSources& sources,
                format::Manifest& manifest, const Progress& progress) {
  SetWriter(directory, sources, manifest, progress).write();
}

void write_stream_set(const format::NewSnapshotDirectory& directory, const SetSources& sources,
                      format::Manifest& manifest, const Progress& progress) {
  SetWriter(directory, sources, manifest, progress).write_stream_set(sources.touched->accesses());
}

}  // namespace faasnap
