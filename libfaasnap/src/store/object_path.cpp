// SPDX-License-Identifier: Apache-2.0

#include "store/object_path.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include <faasnap/object_store.h>

namespace faasnap::store {
namespace {

// Leaves room for an escape and the '~' below NAME_MAX (255).
constexpr std::size_t kMaximumName = 200;

bool is_plain(char byte, bool first) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || (byte == '.' && !first);
}

}  // namespace

std::filesystem::path object_path(std::string_view key) {
  std::string path;
  std::size_t length = 0;  // of the last name
  for (const char byte : key) {
    if (length >= kMaximumName) {
      path += "~/";
      length = 0;
    }
    const std::size_t before = path.size();
    if (is_plain(byte, length == 0)) {
      path += byte;
    } else {
      path += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
    }
    length += path.size() - before;
  }
  return path;
}

std::optional<std::string> object_key(const std::filesystem::path& path) {
  std::string key;
  const std::string& text = path.native();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "~/") == 0) {
      ++i;
    } else if (text[i] == '%' && i + 2 < text.size()) {
      unsigned value = 0;
      std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      key += static_cast<char>(value);
      i += 2;
    } else {
      key += text[i];
    }
  }
  // A path that does not come back from its key is not the path of a key.
  if (key.empty() || key.size() > ObjectStore::kMaximumKey || object_path(key) != path) {
    return std::nullopt;
  }
  return key;
}

}  // namespace faasnap::store
