#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace faasnap::store {

// The file of an object, relative to the directory of its store.
//
// Letters, digits, '-', '_' and '.' stand for themselves, any other byte is written %XX, and so is
// a '.' that a file name would begin with. A name of more than 200 characters goes on in a
// directory, whose own name ends with '~'. Decoding the joined names gives the key back, so no two
// keys share a file; no file is named as another key's directory, nor begins with '.'.
//
// Throws ErrorKind::invalid_argument for a key that is empty or longer than
// ObjectStore::kMaximumKey.
std::filesystem::path object_path(std::string_view key);

// The key whose object_path() this is; nothing for any other path.
std::optional<std::string> object_key(const std::filesystem::path& path);

}  // namespace faasnap::store
