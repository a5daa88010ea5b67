// SPDX-License-Identifier: Apache-2.0

#include "catalogue/transfer.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/files/file.h"
#include "base/progress.h"
#include "snapshot/image_identity.h"

namespace faasnap::catalogue {
namespace {

bool is_recording(std::string_view file) {
  return std::ranges::find(kRecordingFiles, file) != kRecordingFiles.end();
}

// Returns those that the snapshot has.
std::vector<format::ImageFile> images_of(const SnapshotInfo& info) {
  std::vector<format::ImageFile> images;
  std::ranges::copy_if(
      format::kImageFiles, std::back_inserter(images),
      [&](const format::ImageFile& image) { return !(info.*image.identity).path.empty(); });
  return images;
}

// Returns the image as the file at `path` is now, or nothing if that is not the image.
std::optional<FileIdentity> identity_at(const std::filesystem::path& path, FileIdentity image) {
  image.path = path;
  try {
    return verify_identity(image);
  } catch (const Error&) {
    return std::nullopt;  // a file that cannot be read counts as another one
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
  const SnapshotInfo& info = snapshot.info();
  Bytes total = size_of_shared(snapshot.manifest());
  for (const format::ImageFile& image : images_of(info)) {
    total += (info.*image.identity).size;
  }
  base::StepProgress steps(progress, total);
  for (const auto& [name, record] : files_of(snapshot.manifest())) {
    if (!is_recording(name)) {
      files.publish(snapshot.fd_of(name), snapshot.path_of(name),
                    files.path_of(info.id, name, record), anew, steps.next(record.size));
    }
  }
  for (const format::ImageFile& image : images_of(info)) {
    const FileIdentity& known = info.*image.identity;
    const base::UniqueFd file = base::open_regular(known.path);
    snapshot.require_same(image, file, known.path);
    files.publish(file, known.path, files.path_of(known), anew, steps.next(known.size));
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
  for (const format::ImageFile& image : images_of(manifest.info)) {
    FileIdentity& known = manifest.info.*image.identity;
    auto found = identity_at(known.path, known);
    if (!found) {
      found = identity_at(files.path_of(known), known);
    }
    if (found) {
      known = *found;
    }
  }
  if (!version.signature.empty()) {
    base::write_new_file(directory.path_of(format::kSignatureFile),
                         std::as_bytes(std::span(version.signature)));
  }
  const std::string text = format::encode_manifest(manifest);
  base::write_new_file(directory.path_of(format::kManifestFile), std::as_bytes(std::span(text)));
}

}  // namespace faasnap::catalogue
