#include <fmt/format.h>

#include "api/snapshot_impl.h"
#include "api/snapshot_sets.h"
#include "api/snapshot_writer.h"
#include "base/error.h"
#include "base/file.h"
#include "format/manifest.h"
#include "format/snapshot_directory.h"

namespace faasnap {
namespace {

void check_same_image(const WorkingSet& recording, const SnapshotInfo& info,
                      const std::filesystem::path& path) {
  if (recording.recorder() == Recorder::userfaultfd && recording.snapshot_id() != info.id) {
    base::fail(ErrorKind::invalid_argument, "derive snapshot", path,
               fmt::format("the recording by userfaultfd is of snapshot '{}', expected '{}'",
                           recording.snapshot_id(), info.id));
  }
}

// What `original` says of itself, less what depends on recordings.
format::Manifest manifest_of_image(const format::Manifest& original,
                                   const SnapshotOptions& options) {
  format::Manifest manifest;
  manifest.state = original.state;
  manifest.memory = original.memory;
  SnapshotInfo& info = manifest.info;
  info = original.info;
  info.working_set_pages = 0;
  info.touched_pages = 0;
  info.loading_set_regions = 0;
  info.loading_set_pages = 0;
  info.stream_set_pages = 0;
  info.stream_set_zero_pages = 0;
  info.thresholds = options.thresholds;
  for (const auto& [key, value] : options.labels) {
    info.labels[key] = value;
  }
  return manifest;
}

}  // namespace

Snapshot Snapshot::create(const std::filesystem::path& path, std::span<const std::byte> memory,
                          const SnapshotOptions& options) {
  const PageRange all{PageIndex{0}, Bytes{memory.size()}.pages()};
  SnapshotContents contents;
  contents.memory = memory;
  contents.candidates = {&all, 1};
  contents.labels = options.labels;
  contents.working_set = options.working_set;
  contents.thresholds = options.thresholds;
  return create_snapshot(path, contents);
}

Snapshot Snapshot::derive(const std::filesystem::path& path, const SnapshotOptions& options) const {
  std::optional<WorkingSet> recorded = working_set(Recorder::mincore);
  std::optional<WorkingSet> touched = working_set(Recorder::userfaultfd);
  if (options.working_set != nullptr) {
    check_recording(*options.working_set, info().memory, path);
    check_same_image(*options.working_set, info(), path);
    (options.working_set->recorder() == Recorder::mincore ? recorded : touched) =
        *options.working_set;
  }
  format::NewSnapshotDirectory directory(path);
  for (const std::string_view name : {format::kMemoryFile, format::kStateFile}) {
    directory.share(name, impl_->fd_of(name), impl_->path_of(name));
  }
  format::Manifest manifest = manifest_of_image(impl_->manifest(), options);
  write_sets(directory,
             {.image = impl_->fd_of(format::kMemoryFile),
              .image_path = impl_->path_of(format::kMemoryFile),
              .table = impl_->image_table(),
              .recorded = recorded ? &*recorded : nullptr,
              .touched = touched ? &*touched : nullptr},
             manifest, {});
  const std::string text = format::encode_manifest(manifest);
  base::write_new_file(directory.path_of(format::kManifestFile), std::as_bytes(std::span(text)));
  directory.commit();
  return open(path);
}

}  // namespace faasnap
