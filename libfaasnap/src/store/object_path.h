// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace faasnap::store {

// Returns the file of an object, relative to the directory of its store. `key` is not empty.
//
// Letters, digits, '-', '_' and '.' stand for themselves. Any other byte is written %XX, and so is
// a '.' at the start of a name. A name of more than 200 characters continues in a directory whose
// own name ends with '~'. Decoding the joined names gives the key back, so no two keys share a
// file; no file has the name of another key's directory, or a name that starts with '.'.
std::filesystem::path object_path(std::string_view key);

// Returns the key whose object_path() is `path`, or nothing if there is no such key.
std::optional<std::string> object_key(const std::filesystem::path& path);

}  // namespace faasnap::store
