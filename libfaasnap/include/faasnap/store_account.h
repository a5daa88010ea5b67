// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>

#include <faasnap/export.h>
#include <faasnap/guest_limits.h>
#include <faasnap/units.h>

namespace faasnap {

namespace store {
class Account;
}

// What the guest of a StoreAccount uses at the moment, and how often it has met a limit.
struct StoreUse {
  // Objects that it has set and not removed, and their bytes with those on their way.
  std::uint64_t objects = 0;
  Bytes stored;
  unsigned connections = 0;

  // Connections that were one too many.
  std::uint64_t refused_connections = 0;
  // Connections that were closed because the guest kept the server waiting.
  std::uint64_t closed_connections = 0;
  // SETs and DELs beyond what the guest may change or store.
  std::uint64_t refused_changes = 0;
  // How often a rate made the guest wait.
  std::uint64_t delays = 0;
  std::uint64_t dropped_log_lines = 0;
};

// One guest as an ObjectStoreServer sees it: its limits, and what it has used of them. All its
// connections share it. Copies are the same account; give several guests one account to limit them
// together. An account knows what was set through it, and not what the store has besides. Safe from
// any thread.
class FAASNAP_EXPORT StoreAccount {
 public:
  explicit StoreAccount(StoreLimits limits = {});

  StoreUse use() const;

 private:
  friend class ObjectStoreServer;
  std::shared_ptr<store::Account> account_;
};

}  // namespace faasnap
