// SPDX-License-Identifier: Apache-2.0

// What a Redis server says of a snapshot of the catalogue: the fields of a hash, texts of
// strangers.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/error.h>

#include "catalogue/version.h"
#include "format/manifest.h"
#include "support.h"

using faasnap::catalogue::HashField;

namespace {

void try_count(const HashField& field) {
  try {
    const unsigned count = faasnap::catalogue::version_count(field, "server");
    faasnap::fuzz::require(count >= 1 && count <= 10'000);
    faasnap::fuzz::require(field == std::to_string(count) || field->starts_with('0'));
  } catch (const faasnap::Error& error) {
    faasnap::fuzz::require(error.kind() == faasnap::ErrorKind::corrupt);
  }
}

void try_version(const std::vector<HashField>& fields) {
  try {
    const auto version = faasnap::catalogue::make_version(fields, "server");
    faasnap::fuzz::require(version.manifest == fields[0]);
    std::size_t recordings = 0;
    for (std::size_t i = faasnap::catalogue::kHeadFields; i < fields.size(); ++i) {
      recordings += fields[i].has_value();
    }
    faasnap::fuzz::require(version.recordings.size() == recordings);
    faasnap::format::decode_manifest(version.manifest, "server");
  } catch (const faasnap::Error&) {
    // Refused, as most inputs are.
  }
}

}  // namespace

// The first byte says which fields there are; the rest is their texts, a line each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<HashField> fields(faasnap::catalogue::fields_of_version(1).size());
  std::string_view rest = text;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if ((data[0] >> i & 1) != 0) {
      fields[i] = std::string(line);
    }
  }
  try_count(fields[1]);
  // The manifest has lines of its own: it is all that is left.
  fields[0] = std::string(rest);
  try_version(fields);
  fields.resize(faasnap::catalogue::kHeadFields);
  try_version(fields);
  return 0;
}
