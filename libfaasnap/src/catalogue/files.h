// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <faasnap/progress.h>
#include <faasnap/snapshot.h>

#include "base/files/fd.h"
#include "format/manifest.h"

namespace faasnap::catalogue {

// The part of a catalogue in a directory that several hosts mount: files that are named after their
// content and written once (docs/guide/catalogue.md). May be used from any thread.
class CatalogueFiles {
 public:
  // Throws ErrorKind::not_found if the directory does not exist.
  explicit CatalogueFiles(std::filesystem::path directory);

  // Returns the path of one of a snapshot's files. Throws ErrorKind::corrupt if `id` is not fit for
  // the name of a directory.
  std::filesystem::path path_of(const std::string& id, std::string_view file,
                                const format::FileRecord& record) const;
  // Returns the path of a kernel or image.
  std::filesystem::path path_of(const FileIdentity& image) const;

  // Copies `source` to `target`, whole or not at all. If `target` exists with the same size, it is
  // copied only if `anew`.
  void publish(const base::UniqueFd& source, const std::filesystem::path& source_path,
               const std::filesystem::path& target, bool anew, const Progress& progress) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace faasnap::catalogue
