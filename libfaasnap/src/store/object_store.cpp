// SPDX-License-Identifier: Apache-2.0

#include <faasnap/object_store.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/progress.h"

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

void ObjectStore::set(std::string_view key, std::span<const std::byte> value,
                      const Progress& progress, const std::stop_token& stop) {
  const Bytes total{value.size()};
  Bytes done;
  const auto source = [&](std::span<std::byte> out) {
    std::ranges::copy(value.subspan(done.value, out.size()), out.begin());
    done += Bytes{out.size()};
    base::report_progress(progress, done, total, "store object", {});
  };
  write(key, total, source, stop);
}

void ObjectStore::check_key(std::string_view key) {
  if (key.empty() || key.size() > kMaximumKey) {
    base::fail(ErrorKind::invalid_argument, "object store", {},
               fmt::format("key of {} bytes, expected 1 to {}", key.size(), kMaximumKey));
  }
}

void ObjectStore::check_size(Bytes size) {
  if (size > kMaximumValue) {
    base::fail(
        ErrorKind::invalid_argument, "object store", {},
        fmt::format("value of {} bytes, expected at most {}", size.value, kMaximumValue.value));
  }
}

}  // namespace faasnap
