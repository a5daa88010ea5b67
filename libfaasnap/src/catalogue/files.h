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

// The part of a catalogue that lies in a directory that several hosts mount: files named after what
// they hold, written once (docs/guide/catalogue.md). Safe from any thread.
class CatalogueFiles {
 public:
  // ErrorKind::not_found when the directory does not exist.
  explicit CatalogueFiles(std::filesystem::path directory);

  // Where one of a snapshot's files lies. ErrorKind::corrupt for an id that is no name of a
  // directory.
  std::filesystem::path path_of(const std::string& id, std::string_view file,
                                const format::FileRecord& record) const;
  // Where a kernel or image lies.
  std::filesystem::path path_of(const FileIdentity& image) const;

  // Copies `source` there, whole or not at all, unless a file of that size is there already and
  // `anew` is not set.
  void publish(const base::UniqueFd& source, const std::filesystem::path& source_path,
               const std::filesystem::path& target, bool anew, const Progress& progress) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace faasnap::catalogue
