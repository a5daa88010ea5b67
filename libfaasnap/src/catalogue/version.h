// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/units.h>

#include "format/snapshot_directory.h"

namespace faasnap::catalogue {

// How the fields of a hash of the catalogue are read (docs/guide/catalogue.md). The fields are
// untrusted: invalid ones throw ErrorKind::corrupt, which names the server's `address`.

// Value of a field; nothing if the hash does not have the field.
using HashField = std::optional<std::string>;

// The files of a snapshot that Redis keeps. They are small, and the versions of a snapshot differ
// in them.
inline constexpr std::array kRecordingFiles = {format::kWorkingSetFile, format::kTouchedSetFile};

// One version of a snapshot. The texts are not checked.
struct CatalogueVersion {
  std::string manifest;
  Nanoseconds pushed{0};
  std::string host;
  // The signature's text; empty if the version is not signed.
  std::string signature{};
  // Contents of the recordings, by file name.
  std::map<std::string, std::string> recordings{};
};

// Returns the number of versions from its field: 1 to 10000.
unsigned version_count(const HashField& field, const std::string& address);

// Returns the names of a version's fields. The recordings come after the first kHeadFields.
inline constexpr std::size_t kHeadFields = 4;
std::vector<std::string> fields_of_version(unsigned number);

// Makes a version from all of these fields, or without recordings from the first kHeadFields. The
// manifest must exist.
CatalogueVersion make_version(std::span<const HashField> fields, const std::string& address);

}  // namespace faasnap::catalogue
