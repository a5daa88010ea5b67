// SPDX-License-Identifier: Apache-2.0

#include "snapshot/snapshot_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include <faasnap/working_set.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files/file.h"
#include "base/random.h"
#include "format/frame.h"
#include "format/manifest.h"
#include "format/memory_image.h"
#include "format/snapshot_directory.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_sets.h"

namespace faasnap {
namespace {

constexpr const char* kCreating = "create snapshot";

void check(const std::filesystem::path& path, const SnapshotContents& contents) {
  const Bytes memory = contents.memory;
  if (memory.value == 0 || memory.value % kPageSize != 0) {
    base::fail(
        ErrorKind::invalid_argument, kCreating, path,
        fmt::format("memory size is {}, expected a multiple of {}", memory.value, kPageSize));
  }
  if (contents.working_set != nullptr) {
    check_recording(*contents.working_set, memory, path);
  }
}

// Writes the files of one snapshot into a directory and fills the manifest on the way.
class Writer {
 public:
  Writer(const format::NewSnapshotDirectory& directory, const SnapshotContents& contents,
         const Progress& progress)
      : directory_(directory), contents_(contents), progress_(progress) {
    SnapshotInfo& info = manifest_.info;
    info.format_version = format::kSnapshotVersion;
    info.id = base::random_id();
    info.created = base::realtime_now();
    info.memory = contents.memory;
    info.vcpus = contents.vcpus;
    info.kernel = contents.kernel;
    info.initramfs = contents.initramfs;
    info.root_image = contents.root_image;
    info.labels = contents.labels;
    info.thresholds = contents.thresholds;
  }

  void write() {
    write_memory();
    if (const WorkingSet* set = contents_.working_set) {
      const bool touched = set->recorder() == Recorder::userfaultfd;
      write_sets(directory_,
                 {.image = image_file_,
                  .image_path = directory_.path_of(format::kMemoryFile),
                  .table = machine_.image,
                  .recorded = touched ? nullptr : set,
                  .touched = touched ? set : nullptr},
                 manifest_, progress_);
    }
    write_state();
    const std::string text = format::encode_manifest(manifest_);
    base::write_new_file(directory_.path_of(format::kManifestFile), std::as_bytes(std::span(text)));
  }

 private:
  void write_memory() {
    const auto path = directory_.path_of(format::kMemoryFile);
    image_file_ = directory_.create(format::kMemoryFile);
    machine_ = contents_.capture(image_file_, path, progress_);
    const auto& info = manifest_.info;
    const auto checksum = format::write_image_trailer(image_file_, path, info.id, info.memory);
    manifest_.memory = {format::image_file_size(info.memory), checksum};
    manifest_.info.nonzero_pages = machine_.image.nonzero_pages();
  }

  void write_state() {
    std::vector<format::Section> sections = machine_.sections;
    sections.push_back(format::save_image_table(machine_.image));
    const auto bytes = format::encode_state(sections);
    base::write_new_file(directory_.path_of(format::kStateFile), bytes);
    manifest_.state = {{bytes.size()}, format::frame_checksum(bytes)};
  }

  const format::NewSnapshotDirectory& directory_;
  const SnapshotContents& contents_;
  const Progress& progress_;
  base::UniqueFd image_file_;
  CapturedMachine machine_;
  format::Manifest manifest_;
};

void check_same_image(const WorkingSet& recording, const SnapshotInfo& info,
                      const std::filesystem::path& path) {
  if (recording.recorder() == Recorder::userfaultfd && recording.snapshot_id() != info.id) {
    base::fail(ErrorKind::invalid_argument, "derive snapshot", path,
               fmt::format("the recording by userfaultfd belongs to snapshot '{}', expected '{}'",
                           recording.snapshot_id(), info.id));
  }
}

// Returns the content of `original` without the fields that depend on recordings.
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

CaptureMachine capture_bytes(std::span<const std::byte> memory, std::vector<PageRange> candidates,
                             std::vector<format::Section> sections) {
  return [=](const base::UniqueFd& image, const std::filesystem::path& path,
             const Progress& progress) {
    return CapturedMachine{
        .sections = sections,
        .image = format::write_memory_image(image, path, memory, candidates, progress)};
  };
}

Snapshot create_snapshot(const std::filesystem::path& path, const SnapshotContents& contents,
                         const Progress& progress) {
  check(path, contents);
  format::NewSnapshotDirectory directory(path);
  Writer(directory, contents, progress).write();
  return OpenedSnapshot::commit(directory);
}

Snapshot Snapshot::create(const std::filesystem::path& path, std::span<const std::byte> memory,
                          const SnapshotOptions& options) {
  const PageRange all{PageIndex{0}, Bytes{memory.size()}.pages()};
  SnapshotContents contents;
  contents.capture = capture_bytes(memory, {all});
  contents.memory = {memory.size()};
  contents.labels = options.labels;
  contents.working_set = options.working_set;
  contents.thresholds = options.thresholds;
  return create_snapshot(path, contents, options.progress);
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
    directory.share(name, opened_->fd_of(name), opened_->path_of(name));
  }
  format::Manifest manifest = manifest_of_image(opened_->manifest(), options);
  write_sets(directory,
             {.image = opened_->fd_of(format::kMemoryFile),
              .image_path = opened_->path_of(format::kMemoryFile),
              .table = opened_->image_table(),
              .recorded = recorded ? &*recorded : nullptr,
              .touched = touched ? &*touched : nullptr},
             manifest, options.progress);
  const std::string text = format::encode_manifest(manifest);
  base::write_new_file(directory.path_of(format::kManifestFile), std::as_bytes(std::span(text)));
  return OpenedSnapshot::commit(directory);
}

}  // namespace faasnap
