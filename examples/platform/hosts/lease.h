// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>
#include <thread>

#include "hosts/store.h"

namespace platform::hosts {

// A name that one host at a time has. It is extended while the object lives, and runs out by itself
// when its host dies, or loses the store, for half a minute.
class Lease {
 public:
  // Returns nothing if another host has the name. Throws StoreLost.
  static std::unique_ptr<Lease> take(Store& store, const std::string& name);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

 private:
  Lease(Store& store, std::string name);

  Store& store_;
  const std::string name_;
  std::jthread thread_;
};

}  // namespace platform::hosts
