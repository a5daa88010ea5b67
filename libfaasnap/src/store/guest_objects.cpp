// SPDX-License-Identifier: Apache-2.0

#include "store/guest_objects.h"

#include "base/error.h"

namespace faasnap::store {

// With a prefix, the store would take an empty key.
std::string GuestObjects::name_of(std::string_view key) const {
  if (key.empty()) {
    base::fail(ErrorKind::invalid_argument, "object store", {}, "expected a key, got an empty one");
  }
  return account_.limits().prefix + std::string(key);
}

bool GuestObjects::read(std::string_view key, const ValueSink& sink,
                        const std::stop_token& stop) const {
  return store_.read(name_of(key), sink, stop);
}

std::optional<Bytes> GuestObjects::size(std::string_view key, const std::stop_token& stop) const {
  return store_.size(name_of(key), stop);
}

void GuestObjects::write(std::string_view key, Bytes size, const ValueSource& source,
                         const std::stop_token& stop) {
  account_.check_may_change();
  const std::string name = name_of(key);
  Account::Change change(account_, name, stop);
  change.reserve(size);
  store_.write(name, size, source, stop);
  change.stored();
}

bool GuestObjects::remove(std::string_view key, const std::stop_token& stop) {
  account_.check_may_change();
  const std::string name = name_of(key);
  Account::Change change(account_, name, stop);
  const bool existed = store_.remove(name, stop);
  change.removed();
  return existed;
}

}  // namespace faasnap::store
