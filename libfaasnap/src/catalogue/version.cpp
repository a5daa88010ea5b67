// SPDX-License-Identifier: Apache-2.0

#include "catalogue/version.h"

#include <fmt/format.h>

#include <cstdint>

#include "base/error.h"
#include "base/text.h"

namespace faasnap::catalogue {
namespace {

constexpr unsigned kMaximumVersions = 10'000;

[[noreturn]] void fail_corrupt_version(const std::string& address, const std::string& reason) {
  base::fail(ErrorKind::corrupt, "read catalogue", address, reason);
}

template <typename Number>
Number number_of(const HashField& field, const char* what, const std::string& address) {
  const auto number = base::parse_number<Number>(field.value_or(""));
  if (!number) {
    fail_corrupt_version(address, fmt::format("{}: expected a number", what));
  }
  return *number;
}

}  // namespace

unsigned version_count(const HashField& field, const std::string& address) {
  const auto count = number_of<unsigned>(field, "versions", address);
  if (count == 0 || count > kMaximumVersions) {
    fail_corrupt_version(address,
                         fmt::format("{} versions, expected 1 to {}", count, kMaximumVersions));
  }
  return count;
}

std::vector<std::string> fields_of_version(unsigned number) {
  std::vector<std::string> names{
      fmt::format("{}:manifest", number), fmt::format("{}:pushed_ns", number),
      fmt::format("{}:host", number), fmt::format("{}:{}", number, format::kSignatureFile)};
  for (const std::string_view file : kRecordingFiles) {
    names.push_back(fmt::format("{}:{}", number, file));
  }
  return names;
}

CatalogueVersion make_version(std::span<const HashField> fields, const std::string& address) {
  CatalogueVersion version{fields[0].value(),
                           Nanoseconds(number_of<std::int64_t>(fields[1], "pushed_ns", address)),
                           fields[2].value_or(""),
                           fields[3].value_or(""),
                           {}};
  const auto recordings = fields.subspan(kHeadFields);
  for (std::size_t i = 0; i < recordings.size(); ++i) {
    if (recordings[i]) {
      version.recordings.emplace(kRecordingFiles[i], *recordings[i]);
    }
  }
  return version;
}

}  // namespace faasnap::catalogue
