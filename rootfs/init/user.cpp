// SPDX-License-Identifier: Apache-2.0

#include "user.h"

#include <array>
#include <cstdint>
#include <tuple>

#include "text.h"

namespace faasnap::init {
namespace {

using Fields = std::array<std::string_view, 7>;

Fields split_fields(std::string_view line) {
  Fields fields;
  for (std::string_view& field : fields) {
    std::tie(field, line) = split(line, ':');
  }
  return fields;
}

// Returns the first line of passwd(5) or group(5) whose name, or number in the third field, is
// `key`.
std::optional<Fields> find_entry(std::string_view file, std::string_view key) {
  while (!file.empty()) {
    const auto [line, rest] = split(file, '\n');
    const Fields fields = split_fields(line);
    if (!key.empty() && (fields[0] == key || fields[2] == key)) {
      return fields;
    }
    file = rest;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> parse_id(std::string_view text) {
  const auto number = parse_number(text);
  // The largest number means "unchanged" to setuid(2)'s relatives.
  return number && *number < UINT32_MAX ? std::optional(static_cast<std::uint32_t>(*number))
                                        : std::nullopt;
}

}  // namespace

std::optional<User> find_user(std::string_view text, std::string_view passwd,
                              std::string_view group) {
  const auto [user_text, group_text] = split(text, ':');
  const auto entry = find_entry(passwd, user_text);
  const auto uid = parse_id(entry ? (*entry)[2] : user_text);
  if (!uid) {
    return std::nullopt;
  }
  User user;
  user.uid = *uid;
  if (entry) {
    user.gid = parse_id((*entry)[3]).value_or(0);
    user.home = (*entry)[5];
  }
  if (!group_text.empty()) {
    const auto group_entry = find_entry(group, group_text);
    const auto gid = parse_id(group_entry ? (*group_entry)[2] : group_text);
    if (!gid) {
      return std::nullopt;
    }
    user.gid = *gid;
  }
  return user;
}

}  // namespace faasnap::init
