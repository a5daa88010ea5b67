// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "functions/function.h"

namespace platform {

// All versions of one function: what its file in the state directory holds.
struct FunctionVersions {
  Function latest{};
  // Published ones, by number.
  std::map<unsigned, Function> published{};
  unsigned next_version = 1;
  std::map<std::string, Alias> aliases{};
  // What becomes the latest version when its image is made.
  std::optional<Function> next{};
  // The change by which the hosts' store has this (hosts/store.h); 0 if none has.
  std::uint64_t change = 0;

  // The latest version, then the published ones.
  std::vector<Function> all() const;
  // The same, and `next`: whatever needs an archive and a revision.
  std::vector<Function> kept() const;
  // Nothing if there is no such version.
  const Function* find(const std::string& version) const;
};

std::string encode(const FunctionVersions& versions);
// Throws std::runtime_error that names the file and what is wrong with it.
FunctionVersions decode_versions(const std::string& text, const std::filesystem::path& file);

// The same for a record that hosts share. Throws also unless every version is of `function` and has
// a revision and an archive, if any, whose names a platform gives: they become names of files.
FunctionVersions decode_record(const std::string& text, const std::string& function);

}  // namespace platform
