// SPDX-License-Identifier: Apache-2.0

#include <faasnap/object_store.h>

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace faasnap {

ObjectStore::~ObjectStore() = default;

std::optional<std::vector<std::byte>> ObjectStore::get(std::string_view key,
                                                       const std::stop_token& stop) const {
  std::vector<std::byte> value;
  const bool found = read(
      key,
      [&value](std::span<const std::byte> piece, Bytes total) {
        value.reserve(total.value);
        value.insert(value.end(), piece.begin(), piece.end());
      },
      stop);
  return found ? std::optional(std::move(value)) : std::nullopt;
}

void ObjectStore::check_key(std::string_view key) {
  if (key.empty() || key.size() > kMaximumKey) {
    base::fail(ErrorKind::invalid_argument, "object store", {},
               fmt::format("key of {} bytes, expected 1 to {}", key.size(), kMaximumKey));
  }
}

void ObjectStore::check_value(std::span<const std::byte> value) {
  if (value.size() > kMaximumValue.value) {
    base::fail(
        ErrorKind::invalid_argument, "object store", {},
        fmt::format("value of {} bytes, expected at most {}", value.size(), kMaximumValue.value));
  }
}

}  // namespace faasnap
