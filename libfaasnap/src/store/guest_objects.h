// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <faasnap/object_store.h>

#include "store/account.h"

namespace faasnap::store {

// The objects of a store as one guest may see and change them. Keys are the guest's, without the
// prefix. Safe from any thread.
//
// Errors: those of the store; ErrorKind::permission and ErrorKind::no_space for changes beyond the
// guest's limits.
class GuestObjects {
 public:
  // The arguments must outlive it.
  GuestObjects(ObjectStore& store, Account& account) : store_(store), account_(account) {}

  bool read(std::string_view key, const ValueSink& sink, const std::stop_token& stop) const;
  std::optional<Bytes> size(std::string_view key, const std::stop_token& stop) const;
  void write(std::string_view key, Bytes size, const ValueSource& source,
             const std::stop_token& stop);
  bool remove(std::string_view key, const std::stop_token& stop);

 private:
  std::string name_of(std::string_view key) const;

  ObjectStore& store_;
  Account& account_;
};

}  // namespace faasnap::store
