// SPDX-License-Identifier: Apache-2.0

#include "snapshot/snapshot_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include <faasnap/working_set.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files/file.h"
#include "base/random.h"
#include "format/frame.h"
#include "format/image_content.h"
#include "format/image_layer.h"
#include "format/manifest.h"
#include "format/memory_image.h"
#include "format/snapshot_directory.h"
#include "memory/page_set.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_sets.h"

namespace faasnap {
namespace {

constexpr const char* kCreating = "create snapshot";
// An image as it is captured, before it becomes a layer.
constexpr std::string_view kCapturedFile = "memory.captured";

void check_base(const Snapshot& base, Bytes memory, const std::filesystem::path& path) {
  if (base.info().memory != memory) {
    base::fail(ErrorKind::invalid_argument, kCreating, path,
               fmt::format("the base {} has {} bytes of memory, expected {}",
                           base.directory().string(), base.info().memory.value, memory.value));
  }
}

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
  if (contents.base != nullptr) {
    check_base(*contents.base, memory, path);
  }
}

const OpenedSnapshot* opened_if(const Snapshot* snapshot) {
  return snapshot != nullptr ? &opened(*snapshot) : nullptr;
}

// Ends the file `memory` of a snapshot over `base`, null if it is whole, and enters it into the
// manifest.
void finish_image(const format::NewSnapshotDirectory& directory, format::Manifest& manifest,
                  const base::UniqueFd& file, const format::ImageTable& table,
                  const OpenedSnapshot* base) {
  SnapshotInfo& info = manifest.info;
  const auto checksum = format::write_image_trailer(file, directory.path_of(format::kMemoryFile),
                                                    info.id, info.memory);
  manifest.memory = {format::image_file_size(info.memory), checksum};
  info.base = base != nullptr ? std::optional(base->identity()) : std::nullopt;
  info.nonzero_pages = table.nonzero_pages();
  info.stored_pages = table.stored_pages();
}

// Writes the file `memory` with what of `whole` differs from `base`, or all of it if that is null.
format::ImageTable write_image(const format::NewSnapshotDirectory& directory,
                               format::Manifest& manifest, const format::ImageContent& whole,
                               const OpenedSnapshot* base, const Progress& progress) {
  const base::UniqueFd file = directory.create(format::kMemoryFile);
  const auto other = base != nullptr ? std::optional(base->image()) : std::nullopt;
  auto table =
      format::write_image_layer(file, directory.path_of(format::kMemoryFile), manifest.info.memory,
                                whole, other ? &*other : nullptr, progress);
  finish_image(directory, manifest, file, table, base);
  return table;
}

// Ends the file `disks`, and enters it into the manifest.
void finish_disks(const format::NewSnapshotDirectory& directory, format::Manifest& manifest,
                  const base::UniqueFd& file, const format::ImageTable& table) {
  const auto checksum = format::write_image_trailer(file, directory.path_of(format::kDisksFile),
                                                    manifest.info.id, table.memory);
  manifest.disks = {format::image_file_size(table.memory), checksum};
  manifest.info.disks = table.memory;
}

void write_state(const format::NewSnapshotDirectory& directory, format::Manifest& manifest,
                 std::vector<format::Section> sections, const format::ImageTable& image) {
  sections.push_back(format::save_image_table(image));
  const auto bytes = format::encode_state(sections);
  base::write_new_file(directory.path_of(format::kStateFile), bytes);
  manifest.state = {{bytes.size()}, format::frame_checksum(bytes)};
}

void write_manifest(const format::NewSnapshotDirectory& directory,
                    const format::Manifest& manifest) {
  const std::string text = format::encode_manifest(manifest);
  base::write_new_file(directory.path_of(format::kManifestFile), std::as_bytes(std::span(text)));
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
    const OpenedSnapshot* const base = opened_if(contents_.base);
    const std::string_view name = base != nullptr ? kCapturedFile : format::kMemoryFile;
    const auto path = directory_.path_of(name);
    const base::UniqueFd captured = directory_.create(name);
    const base::UniqueFd disks =
        contents_.disks.value != 0 ? directory_.create(format::kDisksFile) : base::UniqueFd();
    CapturedMachine machine = contents_.capture(
        {captured, path, disks, directory_.path_of(format::kDisksFile)}, progress_);
    if (machine.disks) {
      finish_disks(directory_, manifest_, disks, *machine.disks);
      machine.sections.push_back(format::save_image_table(*machine.disks, format::kDisksSection));
    }
    const format::ImageContent whole({{&captured, path}},
                                     memory::lay_over({}, machine.image.stored, {}));
    if (base != nullptr) {
      machine.image = write_image(directory_, manifest_, whole, base, progress_);
      std::filesystem::remove(path);
    } else {
      finish_image(directory_, manifest_, captured, machine.image, nullptr);
    }
    if (const WorkingSet* set = contents_.working_set) {
      const bool touched = set->recorder() == Recorder::userfaultfd;
      write_sets(directory_,
                 {.image = whole,
                  .nonzero = whole.map().pages(),
                  .based = memory::PageSet(machine.image.based),
                  .recorded = touched ? nullptr : set,
                  .touched = touched ? set : nullptr,
                  .compression = contents_.compression},
                 manifest_, progress_);
    }
    write_state(directory_, manifest_, std::move(machine.sections), machine.image);
    write_manifest(directory_, manifest_);
  }

 private:
  const format::NewSnapshotDirectory& directory_;
  const SnapshotContents& contents_;
  const Progress& progress_;
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
  manifest.disks = original.disks;
  SnapshotInfo& info = manifest.info;
  info = original.info;
  info.format_version = format::kSnapshotVersion;
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
  return [=](const CaptureFiles& files, const Progress& progress) {
    return CapturedMachine{.sections = sections,
                           .image = format::write_memory_image(files.image, files.image_path,
                                                               memory, candidates, progress)};
  };
}

Snapshot create_snapshot(const std::filesystem::path& path, const SnapshotContents& contents,
                         const Progress& progress) {
  check(path, contents);
  format::NewSnapshotDirectory directory(path);
  Writer(directory, contents, progress).write();
  return OpenedSnapshot::commit_over(
      directory, contents.base != nullptr ? OpenedSnapshot::shared(*contents.base) : nullptr);
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
  contents.compression = options.compression.value_or(Compression::none);
  contents.base = options.base;
  return create_snapshot(path, contents, options.progress);
}

Snapshot Snapshot::derive(const std::filesystem::path& path, const SnapshotOptions& options) const {
  if (options.base != nullptr) {
    base::fail(ErrorKind::invalid_argument, "derive snapshot", path,
               "a derived snapshot keeps its base; rebase gives it another");
  }
  std::optional<WorkingSet> recorded = working_set(Recorder::mincore);
  std::optional<WorkingSet> touched = working_set(Recorder::userfaultfd);
  if (options.working_set != nullptr) {
    check_recording(*options.working_set, info().memory, path);
    check_same_image(*options.working_set, info(), path);
    (options.working_set->recorder() == Recorder::mincore ? recorded : touched) =
        *options.working_set;
  }
  format::NewSnapshotDirectory directory(path);
  for (const std::string_view name :
       {format::kMemoryFile, format::kDisksFile, format::kStateFile}) {
    if (const base::UniqueFd& fd = opened_->fd_of(name)) {
      directory.share(name, fd, opened_->path_of(name));
    }
  }
  format::Manifest manifest = manifest_of_image(opened_->manifest(), options);
  write_sets(directory,
             {.image = opened_->image(),
              .nonzero = opened_->nonzero(),
              .based = opened_->based(),
              .recorded = recorded ? &*recorded : nullptr,
              .touched = touched ? &*touched : nullptr,
              .compression = options.compression.value_or(opened_->compression())},
             manifest, options.progress);
  write_manifest(directory, manifest);
  return OpenedSnapshot::commit_over(directory, opened_->base());
}

Snapshot Snapshot::rebase(const std::filesystem::path& path, const Snapshot* base,
                          const Progress& progress) const {
  if (base != nullptr) {
    check_base(*base, info().memory, path);
    if (base->info().id == info().id) {
      base::fail(ErrorKind::invalid_argument, "rebase snapshot", path,
                 fmt::format("{} is the same image", base->directory().string()));
    }
  }
  format::NewSnapshotDirectory directory(path);
  const std::optional<WorkingSet> touched = working_set(Recorder::userfaultfd);
  for (const format::OptionalFile& file : format::kOptionalFiles) {
    const base::UniqueFd& fd = opened_->fd_of(file.name);
    if (fd && !(touched && file.name == format::kStreamSetFile)) {
      directory.share(file.name, fd, opened_->path_of(file.name));
    }
  }
  format::Manifest manifest = opened_->manifest();
  manifest.info.format_version = format::kSnapshotVersion;
  const auto image = write_image(directory, manifest, opened_->image(), opened_if(base), progress);
  if (touched) {
    write_stream_set(directory,
                     {.image = opened_->image(),
                      .nonzero = opened_->nonzero(),
                      .based = memory::PageSet(image.based),
                      .touched = &*touched,
                      .compression = opened_->compression()},
                     manifest, progress);
  }
  std::vector<format::Section> sections(opened_->sections().begin(), opened_->sections().end());
  std::erase_if(sections, [](const format::Section& section) {
    return section.name == format::kMemorySection;
  });
  write_state(directory, manifest, std::move(sections), image);
  write_manifest(directory, manifest);
  return OpenedSnapshot::commit_over(directory, base != nullptr ? base->opened_ : nullptr);
}

}  // namespace faasnap
