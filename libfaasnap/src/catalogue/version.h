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

// How the fields of a hash of the catalogue are read (docs/guide/catalogue.md). They are text of
// strangers: what throws, throws ErrorKind::corrupt that names the server `address`.

// The value of a field; nothing when the hash has none such.
using HashField = std::optional<std::string>;

// The files of a snapshot that Redis keeps: small ones, whose versions are worth telling apart.
inline constexpr std::array kRecordingFiles = {format::kWorkingSetFile, format::kTouchedSetFile};

// One version of a snapshot. The texts are as they were read: who uses them checks them.
struct CatalogueVersion {
  std::string manifest;
  Nanoseconds pushed{0};
  std::string host;
  // The recordings by the names of their files.
  std::map<std::string, std::string> recordings;
};

// The field that says how many versions there are: 1 to 10000.
unsigned version_count(const HashField& field, const std::string& address);

// The names of a version's fields; the first kHeadFields are those without recordings.
inline constexpr std::size_t kHeadFields = 3;
std::vector<std::string> fields_of_version(unsigned number);

// A version from these fields, of which the manifest must be there; without recordings, when only
// the first kHeadFields are given.
CatalogueVersion make_version(std::span<const HashField> fields, const std::string& address);

}  // namespace faasnap::catalogue
