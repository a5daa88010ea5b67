// SPDX-License-Identifier: Apache-2.0

#include "catalogue/transfer.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "base/error.h"
#include "base/files/file.h"
#include "base/progress.h"
#include "snapshot/snapshot_writer.h"

namespace faasnap::catalogue {
namespace {

bool is_recording(std::string_view file) {
  return std::ranges::find(kRecordingFiles, file) != kRecordingFiles.end();
}

std::vector<FileIdentity*> images_of(SnapshotInfo& info) {
  std::vector<FileIdentity*> images;
  for (FileIdentity* image : {&info.kernel, &info.initramfs, &info.root_image}) {
    if (!image->path.empty()) {
      images.push_back(image);
    }
  }
  return images;
}

bool is_here(const FileIdentity& image) {
  try {
    const FileIdentity found = identify_file(image.path);
    return found.size == image.size && found.checksum == image.checksum;
  } catch (const Error&) {
    return false;  // a file that cannot be read counts as another one
  }
}

}  // namespace

std::vector<std::pair<std::string_view, format::FileRecord>> files_of(
    const format::Manifest& manifest) {
  std::vector<std::pair<std::string_view, format::FileRecord>> files{
      {format::kStateFile, manifest.state}, {format::kMemoryFile, manifest.memory}};
  for (const format::OptionalFile& file : format::kOptionalFiles) {
    if (const auto& record = manifest.*file.record) {
      files.emplace_back(file.name, *record);
    }
  }
  return files;
}

Bytes size_of_shared(const format::Manifest& manifest) {
  Bytes size;
  for (const auto& [name, record] : files_of(manifest)) {
    size += is_recording(name) ? Bytes{0} : record.size;
  }
  return size;
}

void publish_files(const CatalogueFiles& files, const OpenedSnapshot& snapshot, bool anew,
                   const Progress& progress) {
  SnapshotInfo info = snapshot.info();
  Bytes total = size_of_shared(snapshot.manifest());
  for (const FileIdentity* image : images_of(info)) {
    total += image->size;
  }
  base::StepProgress steps(progress, total);
  for (const auto& [name, record] : files_of(snapshot.manifest())) {
    if (!is_recording(name)) {
      files.publish(snapshot.fd_of(name), snapshot.path_of(name),
                    files.path_of(info.id, name, record), anew, steps.next(record.size));
    }
  }
  for (const FileIdentity* image : images_of(info)) {
    files.publish(base::open_regular(image->path), image->path, files.path_of(*image), anew,
                  steps.next(image->size));
  }
}

void fetch_files(const CatalogueFiles& files, const CatalogueRecords::Version& version,
                 format::Manifest manifest, const format::NewSnapshotDirectory& directory,
                 const Progress& progress) {
  base::StepProgress steps(progress, size_of_shared(manifest));
  for (const auto& [name, record] : files_of(manifest)) {
    if (!is_recording(name)) {
      const auto source = files.path_of(manifest.info.id, name, record);
      base::copy_sparse(base::open_regular(source), source, directory.create(name),
                        directory.path_of(name), steps.next(record.size));
    } else if (const auto found = version.recordings.find(std::string(name));
               found != version.recordings.end()) {
      base::write_new_file(directory.path_of(name), std::as_bytes(std::span(found->second)));
    }
  }
  for (FileIdentity* image : images_of(manifest.info)) {
    const auto shared = files.path_of(*image);
    std::error_code unreadable;
    if (!is_here(*image) && std::filesystem::exists(shared, unreadable)) {
      image->path = shared;
    }
  }
  const std::string text = format::encode_manifest(manifest);
  base::write_new_file(directory.path_of(format::kManifestFile), std::as_bytes(std::span(text)));
}

}  // namespace faasnap::catalogue
