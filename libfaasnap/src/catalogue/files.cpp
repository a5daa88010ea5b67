// SPDX-License-Identifier: Apache-2.0

#include "catalogue/files.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/files/file.h"
#include "base/files/path.h"
#include "base/files/pending_file.h"

namespace faasnap::catalogue {
namespace {

namespace fs = std::filesystem;

constexpr const char* kImages = "images";

bool is_directory_name(const std::string& id) {
  return !id.empty() && id != kImages && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

}  // namespace

CatalogueFiles::CatalogueFiles(fs::path directory) : directory_(base::absolute_path(directory)) {
  std::error_code error;
  if (!fs::is_directory(directory_, error)) {
    base::fail(ErrorKind::not_found, "open catalogue", directory_, "not a directory");
  }
}

fs::path CatalogueFiles::path_of(const std::string& id, std::string_view file,
                                 const format::FileRecord& record) const {
  if (!is_directory_name(id)) {
    base::fail(ErrorKind::corrupt, "read catalogue", directory_, "invalid snapshot id");
  }
  return directory_ / id / fmt::format("{}-{:08x}", file, record.checksum);
}

fs::path CatalogueFiles::path_of(const FileIdentity& image) const {
  return directory_ / kImages / fmt::format("{:08x}-{}", image.checksum, image.size.value);
}

void CatalogueFiles::publish(const base::UniqueFd& source, const fs::path& source_path,
                             const fs::path& target, bool anew, const Progress& progress) const {
  std::error_code error;
  const auto size = fs::file_size(target, error);
  if (!anew && !error && size == base::file_size(source, source_path).value) {
    return;
  }
  base::make_directories(target.parent_path());
  base::PendingFile pending(target.parent_path());
  base::copy_sparse(source, source_path, pending.fd(), pending.path(), progress);
  pending.publish_durably(target);
}

}  // namespace faasnap::catalogue
